"""WCAG AA in a real browser: contrast of all text, names of all controls, order of headings."""

from selenium.webdriver.common.keys import Keys

from test_pages import open_page

PATHS = ("/dashboard", "/flows", "/incidents", "/incidents/10", "/incidents/expected",
         "/hosts/192.168.10.14", "/blocks", "/logout")

# WCAG 2.1, 1.4.3: 4.5 to 1, or 3 to 1 from 24 px, or from 18.66 px bold; disabled parts are exempt.
# Luminance and ratio by the formulas of its "relative luminance" and "contrast ratio".
CONTRAST = """
const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const over = (top, below) => top.slice(0, 3).map((v, i) => {
	const a = top[3] ?? 1;
	return v * a + below[i] * (1 - a);
});
function ground(element) {
	if (!element) return [255, 255, 255];
	const own = parse(getComputedStyle(element).backgroundColor);
	return (own[3] ?? 1) === 1 ? own : over(own, ground(element.parentElement));
}
const bad = [];
for (const element of document.querySelectorAll("body *")) {
	const text = [...element.childNodes].filter((n) => n.nodeType === 3 && n.data.trim());
	const style = getComputedStyle(element);
	if (!text.length || !element.checkVisibility({checkVisibilityCSS: true})
		|| element.closest(":disabled, .hidden, option, noscript")) continue;
	const below = ground(element);
	const both = [luminance(over(parse(style.color), below)), luminance(below)];
	const ratio = (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
	const size = parseFloat(style.fontSize);
	const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
	if (ratio < (large ? 3 : 4.5)) {
		bad.push(`${element.className} ${ratio.toFixed(2)} ${text[0].data.trim()}`);
	}
}
return bad;
"""

NAMELESS = """
const name = (e) => (e.getAttribute("aria-label") || e.textContent || e.labels?.[0]?.textContent
	|| e.title || "").trim();
return [...document.querySelectorAll("a, button, input, select, textarea")]
	.filter((e) => e.checkVisibility() && !name(e)).map((e) => e.outerHTML);
"""

DOUBLE_IDS = """
const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
return ids.filter((id, i) => ids.indexOf(id) !== i);
"""


def settled(browser, mock, path):
    """The page with its first rows and numbers."""
    open_page(browser, mock, path)
    browser.wait("document.querySelector('main tbody tr, main .button') !== null")


def test_contrast_names_ids_and_headings(browser, mock):
    for path in PATHS:
        settled(browser, mock, path)
        for scheme in ("dark", "light"):
            browser.size(1280, 900, scheme)
            assert browser.js(CONTRAST) == [], (path, scheme)
        assert browser.js(NAMELESS) == [], path
        assert browser.js(DOUBLE_IDS) == [], path
        assert browser.js("return document.querySelectorAll('h1').length") == 1, path
        assert browser.js("return document.querySelectorAll('main').length") == 1, path


def test_keyboard_reaches_the_content_and_leaves_a_dialog(browser, mock):
    settled(browser, mock, "/flows")
    body = browser.driver.switch_to.active_element
    body.send_keys(Keys.TAB)
    assert browser.js("return document.activeElement.className") == "skip"
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.js("return document.activeElement.id") == "main"
    browser.click(".table-flows .icon-button")
    browser.wait("document.activeElement.textContent === 'Close'")
    browser.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    browser.wait("document.querySelector('dialog') === null")
