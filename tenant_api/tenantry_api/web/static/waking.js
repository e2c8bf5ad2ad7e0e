// Looks again without loading the page anew, which would take the focus and make a screen reader begin again. Where
// scripts do not run, the page reloads itself.
"use strict";
const waking = document.getElementById("waking");
const began = Date.now();

function show(next, title) {
  // The same words, put there once more, would be read out once more.
  if (next.dataset.news !== waking.dataset.news) {
    waking.dataset.news = next.dataset.news;
    waking.replaceChildren(...next.childNodes);
    document.title = title;
  }
  const long = Date.now() - began > waking.dataset.long * 1000;
  for (const late of waking.querySelectorAll(".late")) late.hidden = !long;
}

async function look() {
  let seconds = 2;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (answer.status !== 503) return location.reload();
    seconds = Number(answer.headers.get("Retry-After")) || seconds;
    // No backend can send this header: what one says in a 503 of its own does not belong here.
    if (answer.headers.get("X-Tenantry-Page") === "waking") {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      show(page.getElementById("waking") ?? waking, page.title);
    }
  } catch {
    // The network, or a door that is being replaced: the next look tells.
  }
  setTimeout(look, seconds * 1000);
}

setTimeout(look, 2000);
