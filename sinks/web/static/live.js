// Keeps the page current while somebody looks at it. Without it the page
// reloads itself now and then.
"use strict";

const main = () => document.getElementById("main");

// busy: somebody writes, marks a text or has a table scrolled to the side.
function busy() {
  const field = document.activeElement;
  if (field && (field.tagName === "TEXTAREA" || field.tagName === "INPUT")) return true;
  const marked = document.getSelection();
  if (marked && !marked.isCollapsed) return true;
  return [...document.querySelectorAll(".wide")].some((e) => e.scrollLeft > 0);
}

// opened lists the details that the reader opened, by their place.
function opened() {
  return [...main().querySelectorAll("details")].map((d) => d.open);
}

let wanted = false;

async function refresh() {
  if (document.hidden || busy()) {
    wanted = true;
    return;
  }
  wanted = false;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = next.getElementById("main");
  if (!fresh || busy()) return;
  const open = opened();
  const focus = [...main().querySelectorAll("a, summary, button, [tabindex]")].indexOf(document.activeElement);
  const state = document.querySelector(".chip");
  const news = next.querySelector(".chip");
  if (news && state.textContent !== news.textContent) state.replaceWith(news);
  document.querySelector(".when time").replaceWith(next.querySelector(".when time"));
  document.title = next.title;
  main().replaceWith(fresh);
  const details = main().querySelectorAll("details");
  if (details.length === open.length) details.forEach((d, i) => { d.open = open[i]; });
  if (focus >= 0) [...main().querySelectorAll("a, summary, button, [tabindex]")][focus]?.focus({ preventScroll: true });
}

const events = new EventSource("/api/v1/events");
const live = document.getElementById("live");
events.addEventListener("open", () => { live.hidden = false; });
events.addEventListener("error", () => { live.hidden = true; });
events.addEventListener("update", () => { refresh().catch(() => { live.hidden = true; }); });
document.addEventListener("visibilitychange", () => { if (!document.hidden && wanted) refresh().catch(() => {}); });
