// Form fields with a label, a hint and the server's message beside the field at fault.

import { clean } from "./format.js";
import { button, h, uid } from "./ui.js";

/**
 * One labelled field.
 * @param {{name: string, label: string, type?: string, value?: string, hint?: string,
 *          placeholder?: string, options?: [string, string][], required?: boolean,
 *          autocomplete?: string, disabled?: boolean, maxlength?: number, wide?: boolean}} spec
 * @returns {{element: HTMLElement, input: HTMLInputElement, setError: (text: string) => void}}
 */
export function field(spec) {
	const id = uid(`field-${spec.name}`);
	const error = h("p", { class: "field-error", id: `${id}-error`, role: "alert" });
	const shared = {
		id, name: spec.name, required: spec.required, disabled: spec.disabled,
		"aria-describedby": `${id}-hint ${id}-error`,
	};
	const input = spec.options
		? h("select", shared, spec.options.map(([value, label]) =>
			h("option", { value, selected: value === spec.value }, label)))
		: h(spec.type === "textarea" ? "textarea" : "input", {
			...shared, type: spec.type === "textarea" ? null : spec.type || "text",
			value: spec.value || "", placeholder: spec.placeholder,
			autocomplete: spec.autocomplete || "off", maxlength: spec.maxlength,
			spellcheck: "false", autocapitalize: "none",
			rows: spec.type === "textarea" ? 3 : null,
		});
	const element = h("div", { class: `field ${spec.wide ? "field-wide" : ""}`.trim() },
		h("label", { for: id }, spec.label), input,
		h("p", { class: "field-hint", id: `${id}-hint` }, spec.hint || ""), error);
	const setError = (text) => {
		error.textContent = clean(text, 400);
		input.setAttribute("aria-invalid", text ? "true" : "false");
	};
	input.addEventListener("input", () => setError(""));
	return { element, input, setError };
}

function showError(error, fields, general) {
	const wait = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
	const target = fields[error.field];
	if (target) {
		target.setError(error.message + wait);
		target.input.focus();
	} else {
		general.textContent = clean(error.message, 400) + wait;
	}
}

function valuesOf(fields) {
	const values = {};
	for (const [key, { input }] of Object.entries(fields)) {
		values[key] = input.type === "password" ? input.value : input.value.trim();
	}
	return values;
}

/**
 * A form: it disables itself while the request runs and shows errors where they belong.
 * @param {{fields: Object<string, ReturnType<typeof field>>, submit: string, kind?: string,
 *          icon?: string, why?: string, class?: string, extra?: Node[],
 *          check?: (values: object) => [string, string] | null,
 *          run: (values: object, form: HTMLFormElement) => Promise<void>}} spec
 *        check: [field, message] of the first fault; why: the reason why it is disabled
 * @returns {HTMLFormElement}
 */
export function form(spec) {
	const general = h("p", { class: "form-error", role: "alert" });
	const go = button(spec.submit, {
		kind: spec.kind || "primary", type: "submit", why: spec.why, icon: spec.icon,
	});
	const element = h("form", { class: `form ${spec.class || ""}`.trim(), novalidate: true },
		...Object.values(spec.fields).map((f) => f.element), ...(spec.extra || []), general,
		h("div", { class: "form-actions" }, go),
		...(spec.why ? [h("p", { class: "why" }, spec.why)] : []));
	element.addEventListener("submit", async (event) => {
		event.preventDefault();
		general.textContent = "";
		const values = valuesOf(spec.fields);
		const missing = Object.values(spec.fields).find((f) => f.input.required
			&& !f.input.value);
		const fault = missing ? [missing.input.name, "This field is needed."]
			: spec.check?.(values);
		if (fault) {
			spec.fields[fault[0]].setError(fault[1]);
			spec.fields[fault[0]].input.focus();
			return;
		}
		go.disabled = true;
		try {
			await spec.run(values, element);
		} catch (error) {
			showError(error, spec.fields, general);
		} finally {
			go.disabled = Boolean(spec.why);
		}
	});
	return element;
}

/** Lifetimes offered for a block: value of `ttl` and what people call it. */
export const LIFETIMES = [["1h", "1 hour"], ["4h", "4 hours"], ["24h", "1 day"],
	["7d", "7 days"], ["30d", "30 days"], ["never", "until removed"]];
