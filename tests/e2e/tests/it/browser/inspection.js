// Runs in the page, through the driver. Returns what is wrong, one line each.
const problems = [];
const say = (what, element) => problems.push(element ? `${what}: ${element.outerHTML.slice(0, 100)}` : what);
const all = (selector) => [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility());

if (document.querySelectorAll("h1").length !== 1) say(`${document.querySelectorAll("h1").length} headings of level 1`);
if (!document.documentElement.lang) say("no language");
if (!document.title.trim()) say("no title");
if (document.querySelectorAll("main").length !== 1) say("no main landmark");

// WCAG 1.4.10: no scrolling sideways.
if (document.documentElement.scrollWidth > window.innerWidth) {
  const right = (element) => element.getBoundingClientRect().right;
  const widest = all("body *").reduce((a, b) => (right(b) > right(a) ? b : a));
  say(`${document.documentElement.scrollWidth} px wide in ${window.innerWidth} px`, widest);
}

// WCAG 1.3.1: levels of headings are not skipped.
let level = 1;
for (const heading of all("h1, h2, h3, h4")) {
  const own = Number(heading.tagName[1]);
  if (own > level + 1) say(`level ${own} after level ${level}`, heading);
  level = own;
}

// WCAG 1.3.1, 4.1.2: whatever can be used has a name.
for (const field of all("input:not([type=hidden]), select, textarea")) {
  if (!field.labels.length && !field.ariaLabel) say("no label", field);
}
for (const action of all("a, button, summary")) {
  if (!action.innerText.trim() && !action.ariaLabel) say("no name", action);
}
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
if (new Set(ids).size !== ids.length) say("an id is there twice");

// WCAG 2.5.8: what is pressed is at least 24 px in both directions; links inside a sentence are exempt.
for (const target of all("button, a.button, input:not([type=hidden]), select, summary")) {
  const { width, height } = target.getBoundingClientRect();
  if (width < 24 || height < 24) say(`only ${Math.round(width)} × ${Math.round(height)} px`, target);
}

// WCAG 1.4.3: contrast of text with what is behind it. Colours that are transparent let the one behind through.
const channels = (text) => {
  const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
  return { r, g, b, a };
};
const over = (top, below) =>
  Object.fromEntries(["r", "g", "b"].map((name) => [name, top[name] * top.a + below[name] * (1 - top.a)]));
const behind = (element) => {
  if (!element) return matchMedia("(prefers-color-scheme: dark)").matches ? { r: 18, g: 18, b: 18 } : { r: 255, g: 255, b: 255 };
  const own = channels(getComputedStyle(element).backgroundColor);
  return own.a === 1 ? own : over(own, behind(element.parentElement));
};
const luminance = ({ r, g, b }) => {
  const linear = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
};
for (const element of all("body *")) {
  const ownText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  if (!ownText) continue;
  const style = getComputedStyle(element);
  const background = behind(element);
  const [light, dark] = [luminance(over(channels(style.color), background)), luminance(background)].sort((a, b) => b - a);
  const ratio = (light + 0.05) / (dark + 0.05);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  if (ratio < (large ? 3 : 4.5)) say(`contrast ${ratio.toFixed(2)}`, element);
}
return problems;
