// A small product behind Vestibule, with Express.
import express from "express";
import { sessions } from "./session.mjs";
import { changes } from "./webhook.mjs";

const vestibule = process.env.VESTIBULE_URL ?? "http://localhost:8080";
const port = Number(process.env.PORT ?? 3000);
const own = process.env.APP_URL ?? `http://localhost:${port}`;
const session = sessions({ vestibule, audience: process.env.TOKEN_AUDIENCE, cookie: process.env.SESSION_COOKIE });

// Without a secret nobody can be believed, and nothing is listened to.
const heard = process.env.VESTIBULE_WEBHOOK_SECRET && changes(process.env.VESTIBULE_WEBHOOK_SECRET);

const app = express();
app.disable("x-powered-by");

// Vestibule has no session: before everything else, and with the raw bytes whatever type they say they are.
if (heard) {
  app.post("/webhooks/vestibule", express.raw({ type: () => true, limit: "256kb" }), (request, response) => {
    response.status(heard.receive(request.body ?? Buffer.alloc(0), request.headers)).end();
  });
}

// Everything below knows who asks, or that nobody is signed in.
app.use(async (request, response, next) => {
  response.set("Cache-Control", "no-store");
  request.session = await session(request);
  next();
});

// For pages: by way of Vestibule, which sends people back at once with a fresh token, or after they signed in. The
// mark keeps a wrongly configured app from sending them round in circles.
function person(request, response, next) {
  if (request.session) return next();
  if (request.query.back) return response.status(401).type("text").send("Your sign-in could not be verified.\n");
  const page = new URL(request.originalUrl, own);
  page.searchParams.set("back", "1");
  response.redirect(303, `${vestibule}/auth/session?return_to=${encodeURIComponent(page.href)}`);
}

// For scripts: they cannot follow a sign-in.
function caller(request, response, next) {
  if (request.session) return next();
  response.status(401).json({ code: "not_signed_in" });
}

app.get("/", person, (request, response) => {
  const { sub, org, roles } = request.session;
  response.type("text").send(`Hello ${sub} of ${org}, here as ${roles.join(", ")}.\n`);
});

app.get("/api/me", caller, (request, response) => {
  const { sub, org, roles } = request.session;
  response.json({ sub, org, roles });
});

app.get("/api/people", caller, (request, response) => {
  response.json(heard ? heard.people(request.session.org) : []);
});

// A token says who somebody was up to five minutes ago. Before something that cannot be undone, ask who it is now.
app.get("/api/me/now", caller, async (request, response) => {
  const answer = await fetch(new URL("/auth/session", vestibule), {
    headers: { accept: "application/json", cookie: request.headers.cookie },
    signal: AbortSignal.timeout(4000),
  });
  for (const cookie of answer.headers.getSetCookie()) response.append("Set-Cookie", cookie);
  const body = await answer.json();
  response.status(answer.status).json(answer.ok ? { sub: body.user.id, name: body.user.name } : { code: body.code });
});

app.use((error, request, response, next) => {
  // A body that is too long, a path that is none.
  if (error.expose) return response.status(error.status).end();
  // Keys or Vestibule out of reach: nobody is signed out by that.
  console.error(error);
  response.status(503).set("Retry-After", "5").json({ code: "try_later" });
});

app.listen(port, "localhost", () => console.log(`http://localhost:${port}`));
