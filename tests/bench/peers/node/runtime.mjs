// The Lambda Runtime API over one kept-alive connection. Less than AWS's own Node runtime does, which is to the peer's
// advantage.

import { Agent, request } from "node:http";

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const base = "/2018-06-01/runtime/invocation";

const call = (method, path, body) =>
  new Promise((resolve, reject) => {
    const sent = request({ agent, hostname, port, method, path: base + path }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve({ headers: answer.headers, body: Buffer.concat(parts).toString() }));
    });
    sent.on("error", reject);
    sent.end(body);
  });

export async function serve(handler) {
  for (;;) {
    const { headers, body } = await call("GET", "/next");
    const id = headers["lambda-runtime-aws-request-id"];
    try {
      await call("POST", `/${id}/response`, JSON.stringify(await handler(JSON.parse(body))));
    } catch (error) {
      await call("POST", `/${id}/error`, JSON.stringify({ errorType: error.name, errorMessage: String(error.stack) }));
    }
  }
}
