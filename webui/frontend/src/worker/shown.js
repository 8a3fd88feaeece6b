// Copies as they are shown: with the time they are of, in the page's own words; and the page that lists them.

import { readable, timeOf } from "./kept.js";

const SHOWN = 20;

function when(date, language) {
  const time = date.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
  if (date.toDateString() === new Date().toDateString()) return time;
  return `${date.toLocaleDateString(language, { weekday: "long", day: "numeric", month: "long" })}, ${time}`;
}

function languageOf(text) {
  return /<html lang="(\w+)"/.exec(text)?.[1] ?? "fr";
}

function html(text, like, status = 200) {
  const headers = new Headers(like.headers);
  headers.delete("content-encoding");
  headers.delete("content-length");
  return new Response(text, { status, headers });
}

// The notice stands hidden on every page; what it says is there, too (shared/mail_shell.html).
export async function shown(copy) {
  const text = await copy.text();
  const at = when(timeOf(copy), languageOf(text));
  const marked = text.replace(/(id="reseau") hidden([^>]*data-copie="([^"]*)"[\s\S]*?<p role="status">)(?=<\/p>)/, (_, id, rest, words) => (
    `${id}${rest}${words.replace("{heure}", at)}`
  ));
  return html(marked, copy);
}

// Without what the window's title says besides: how many are unread, and of which academy.
async function titled({ address, copy }, language) {
  const title = /<title>([^<]*)<\/title>/.exec(await copy.text())?.[1].trim() ?? "";
  const words = title.replace(/^\(\d+\) /, "").replace(/ – [^–]*$/, "");
  return `<li><a href="${address.replace(/&/g, "&amp;")}">${words || address}</a> <span class="fin">${when(timeOf(copy), language)}</span></li>`;
}

export async function without(files, pages) {
  const found = (await readable()).slice(0, SHOWN);
  const whole = found.find((one) => !one.address.includes("#"));
  const language = whole ? languageOf(await whole.copy.clone().text()) : navigator.language.slice(0, 2);
  const page = (await files.match(pages + language)) ?? (await files.match(`${pages}fr`));
  if (!page) return Response.error();
  let text = await page.text();
  if (found.length) {
    const items = (await Promise.all(found.map((one) => titled(one, language)))).join("");
    text = text.replace(/(<section id="gardes") hidden([\s\S]*?<ul[^>]*>)/, (_, start, rest) => `${start}${rest}${items}`);
  }
  return html(text, page, 503);
}
