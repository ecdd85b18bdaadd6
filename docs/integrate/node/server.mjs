// A small product behind Vestibule, with nothing but Node.
import { createServer } from "node:http";
import { sessions } from "./session.mjs";
import { changes } from "./webhook.mjs";

const vestibule = process.env.VESTIBULE_URL ?? "http://localhost:8080";
const port = Number(process.env.PORT ?? 3000);
const own = process.env.APP_URL ?? `http://localhost:${port}`;
const session = sessions({ vestibule, audience: process.env.TOKEN_AUDIENCE, cookie: process.env.SESSION_COOKIE });
// Without a secret nobody can be believed, and nothing is listened to.
const heard = process.env.VESTIBULE_WEBHOOK_SECRET && changes(process.env.VESTIBULE_WEBHOOK_SECRET);

const pages = {
  "/": ({ sub, org, roles }) => [200, "text/plain", `Hello ${sub} of ${org}, here as ${roles.join(", ")}.\n`],
  "/api/me": ({ sub, org, roles }) => [200, "application/json", JSON.stringify({ sub, org, roles })],
  "/api/people": ({ org }) => [200, "application/json", JSON.stringify(heard ? heard.people(org) : [])],
};

// The bytes as they came; null when they are too many.
async function raw(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > 256 * 1024) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

async function hear(request) {
  const body = await raw(request);
  return [body ? heard.receive(body, request.headers) : 413, "text/plain", ""];
}

async function answer(request) {
  const url = new URL(request.url, own);
  // Vestibule has no session.
  if (heard && request.method === "POST" && url.pathname === "/webhooks/vestibule") return hear(request);
  const page = pages[url.pathname];
  if (request.method !== "GET" || !Object.hasOwn(pages, url.pathname)) return [404, "text/plain", "Nothing is here.\n"];
  const claims = await session(request);
  if (claims) return page(claims);
  // Scripts cannot follow a sign-in.
  if (url.pathname.startsWith("/api/")) return [401, "application/json", '{"code":"not_signed_in"}'];
  // The mark keeps a wrongly configured app from sending people round in circles.
  if (url.searchParams.has("back")) return [401, "text/plain", "Your sign-in could not be verified.\n"];
  // By way of Vestibule, which sends people back at once with a fresh token, or after they signed in.
  url.searchParams.set("back", "1");
  return [303, "text/plain", "", `${vestibule}/auth/session?return_to=${encodeURIComponent(url.href)}`];
}

createServer(async (request, response) => {
  let outcome;
  try {
    outcome = await answer(request);
  } catch (error) {
    // The keys are out of reach: nobody is signed out by that.
    console.error(error);
    response.setHeader("Retry-After", "5");
    outcome = [503, "application/json", '{"code":"try_later"}'];
  }
  const [status, type, body, location] = outcome;
  if (location) response.setHeader("Location", location);
  response.writeHead(status, { "Content-Type": type, "Cache-Control": "no-store" }).end(body);
}).listen(port, "localhost", () => console.log(`http://localhost:${port}`));
