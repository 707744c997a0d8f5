// The one file that calls fetch. It owns the CSRF token, turns every failure into an ApiError
// with a sentence for people, and tells the application when the session has ended.

const TIMEOUT_MS = 15000; // as long as the server keeps a request open (docs/api.md, guards)
const BASE = "/api/v1";

let csrf = "";
let onSessionEnd = () => {};
let onMustChange = () => {};

/** A refused or failed request: `code` for programs, `message` for people. */
export class ApiError extends Error {
	/**
	 * @param {number} status HTTP status, 0 when no answer came
	 * @param {{code?: string, message?: string, field?: string, request_id?: string,
	 *          who?: string, changed?: string[], current?: object}} error
	 * @param {number} retryAfter seconds, 0 when not told
	 */
	constructor(status, error, retryAfter = 0) {
		super(error.message || `The server answered ${status}.`);
		this.name = "ApiError";
		this.status = status;
		this.code = error.code || "unknown";
		this.field = error.field || null;
		this.requestId = error.request_id || null;
		this.retryAfter = retryAfter;
		this.who = error.who || null; // of changed_meanwhile: who was faster,
		this.changed = error.changed || []; // which members are others now,
		this.current = error.current || null; // and the whole, null when it is gone
	}
}

/**
 * Who is told when the session ends, and when a password change is demanded first.
 * @param {{ended: () => void, mustChange: () => void}} callbacks
 */
export function onSession({ ended, mustChange }) {
	onSessionEnd = ended;
	onMustChange = mustChange;
}

/** Remember the token of the session; sent with every request that changes something. */
export function setCsrf(token) {
	csrf = token || "";
}

function timeoutSignal(outer) {
	const inner = new AbortController();
	const timer = setTimeout(() => inner.abort(), TIMEOUT_MS);
	const forward = () => inner.abort();
	outer?.addEventListener("abort", forward, { once: true });
	return {
		signal: inner.signal,
		done() {
			clearTimeout(timer);
			outer?.removeEventListener("abort", forward);
		},
	};
}

function headersOf(method, seen) {
	const headers = { Accept: "application/json" };
	if (seen) {
		headers["If-Match"] = seen;
	}
	if (method !== "GET") {
		headers["X-CSRF-Token"] = csrf;
		// also of a file's part: a body of any other type is refused, for no other site may
		// send this one unasked
		headers["Content-Type"] = "application/json";
	}
	return headers;
}

async function exchange(method, url, { body, signal: outer, seen }) {
	const headers = headersOf(method, seen);
	const content = () => (body instanceof Blob ? body : JSON.stringify(body ?? {}));
	const limit = timeoutSignal(outer);
	try {
		const reply = await fetch(url, {
			method, headers, signal: limit.signal, cache: "no-store",
			credentials: "same-origin", redirect: "error",
			body: method === "GET" ? undefined : content(),
		});
		const text = reply.status === 204 ? "" : await reply.text();
		return { reply, text };
	} catch (cause) {
		if (outer?.aborted) {
			throw new ApiError(0, { code: "aborted", message: "Cancelled." });
		}
		throw new ApiError(0, {
			code: "network",
			message: cause.name === "AbortError"
				? "Sluice did not answer in time. Is the service busy or stopped?"
				: "Sluice cannot be reached. Is the service running?",
		});
	} finally {
		limit.done();
	}
}

function parse(text) {
	try {
		return text ? JSON.parse(text) : null;
	} catch {
		return undefined;
	}
}

function refused(reply, data) {
	const retryAfter = Number(reply.headers.get("Retry-After")) || 0;
	const error = new ApiError(reply.status, data?.error || {}, retryAfter);
	if (reply.status === 401
		&& !["wrong_login", "wrong_token", "totp_required"].includes(error.code)) {
		onSessionEnd();
	}
	if (error.code === "password_change_required") {
		onMustChange();
	}
	return error;
}

/**
 * Ask the API.
 * @param {string} method GET, POST or DELETE
 * @param {string} path below /api/v1, with a leading slash
 * @param {{query?: object, body?: object, signal?: AbortSignal, seen?: string}} options seen: the
 *        etag of what is changed; refused with `changed_meanwhile` when it is another by now
 * @returns {Promise<any>} the decoded body, null for 204; rejects with ApiError
 */
export async function request(method, path, options = {}) {
	return requestAt(BASE + path, method, options);
}

async function requestAt(url, method, options) {
	const params = new URLSearchParams();
	for (const [key, value] of Object.entries(options.query || {})) {
		if (value !== "" && value !== null && value !== undefined) {
			params.set(key, String(value));
		}
	}
	const tail = params.size ? `?${params}` : "";
	const { reply, text } = await exchange(method, url + tail, options);
	const data = parse(text);
	if (!reply.ok) {
		throw refused(reply, data);
	}
	if (data === undefined) {
		throw new ApiError(reply.status, {
			code: "bad_answer",
			message: "The answer was not JSON. Is a proxy in between?",
		});
	}
	return data;
}

/** GET @param {string} path @param {object} [query] @param {AbortSignal} [signal] */
export const get = (path, query, signal) => request("GET", path, { query, signal });

/** GET one of the original's endpoints. @param {string} path from the root */
export const getOriginal = (path) => requestAt(path, "GET", {});

/** POST to one of them. @param {string} path @param {object} body */
export const postOriginal = (path, body) => requestAt(path, "POST", { body });

/** PUT @param {string} path @param {object} body */
export const put = (path, body) => request("PUT", path, { body });

/** POST @param {string} path @param {object} [body] @param {string} [seen] etag of what changes */
export const post = (path, body, seen) => request("POST", path, { body, seen });

/** POST of plain text,
	a part of a file. @param {string} path @param {object} query @param {Blob} part */
export const upload = (path, query, part) => request("POST", path, { query, body: part });

/** DELETE @param {string} path @param {string} [seen] etag of what goes */
export const remove = (path, seen) => request("DELETE", path, { seen });

/** Where live.js opens its stream. */
export const EVENTS_URL = `${BASE}/events`;
