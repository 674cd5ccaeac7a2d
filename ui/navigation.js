// The switch of the theme, and what the bar of pages lacks for those who do not see it: its role and which page is the current one.

const VERSION = 2; // of the keys below, in Streamlit 1.67
const NAMES = { Light: "Custom Theme Light", Dark: "Custom Theme Dark", System: "Custom Theme Auto" };

// Streamlit keeps the choice for each address separately; here it counts for all pages.
function keys(bar) {
  const paths = [...bar.querySelectorAll("a")].map((link) => new URL(link.href).pathname);
  return [...new Set([...paths, window.location.pathname])].map((path) => `stActiveTheme-${path}-v${VERSION}`);
}

function saved(bar) {
  const choices = keys(bar).map((key) => window.localStorage.getItem(key)?.replaceAll('"', ""));
  return choices.find((choice) => choice === "Light" || choice === "Dark") ?? "System"; // "System" is there before anybody chose
}

// The state that Streamlit's own settings menu works on: with it the theme changes without a reload, which would lose the clips of this visit.
function themes() {
  const root = document.getElementById("root");
  const key = Object.keys(root).find((name) => name.startsWith("__reactContainer$"));
  const waiting = [root[key]?.stateNode?.current];
  for (let seen = 0; waiting.length && seen < 500; seen++) {
    const fiber = waiting.shift();
    const theme = fiber?.memoizedProps?.theme;
    if (theme?.setTheme && theme.availableThemes) return theme;
    if (fiber?.child) waiting.push(fiber.child);
    if (fiber?.sibling) waiting.push(fiber.sibling);
  }
  return null;
}

function take(choice, bar) {
  const all = themes();
  const wanted = all?.availableThemes.find((theme) => theme.name === NAMES[choice]);
  if (wanted) all.setTheme(wanted);
  for (const key of keys(bar)) window.localStorage.setItem(key, JSON.stringify(choice));
  if (!wanted) window.location.reload();
}

function mark(bar, data) {
  const purposes = Object.fromEntries(data.purposes);
  bar.setAttribute("role", "navigation");
  bar.setAttribute("aria-label", "Pages");
  const links = [...bar.querySelectorAll("a")];
  for (const link of links) {
    const name = link.querySelector("p").textContent;
    link.title = purposes[name];
    if (name === data.current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    // Streamlit gives the first page's link no address, which in a new tab would open the current page.
    const address = link.getAttribute("href");
    if (address === "" || address.startsWith("?")) link.href = new URL(`.${address}`, links.at(-1).href).href;
  }
}

// The bar stands in the main part of the page; Streamlit's link to skip what comes before that has to skip the bar too.
function skip(event) {
  if (!event.target.closest?.("[data-testid=stSkipToContent]")) return;
  const heading = document.querySelector("main h1");
  if (!heading) return;
  event.preventDefault();
  event.stopPropagation();
  heading.tabIndex = -1;
  heading.focus();
}

export default function ({ data, parentElement, setTriggerValue }) {
  const bar = document.querySelector(`.${data.bar}`);
  const select = parentElement.querySelector("select");
  mark(bar, data);
  select.value = saved(bar);
  select.onchange = () => {
    take(select.value, bar);
    setTimeout(() => setTriggerValue("theme", select.value), 100); // once the new theme is what the browser reports
  };
  document.addEventListener("click", skip, true);
  return () => document.removeEventListener("click", skip, true);
}
