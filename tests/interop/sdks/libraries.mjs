// WorkOS's own SDK and the reference library of Standard Webhooks, at the service of a test: a line of JSON in, a line of
// JSON out. Bodies are base64, so that it is bytes that are signed and verified.
import { createInterface } from "node:readline";
import { WorkOS } from "@workos-inc/node";
import { Webhook } from "standardwebhooks";

const { webhooks } = new WorkOS("sk_test_of_nobody");

const verbs = {
  async sign({ body, t, secret }) {
    return { mac: await webhooks.computeSignature(t, body, secret) };
  },
  async verify({ body, header, secret }) {
    const { id, event } = await webhooks.constructEvent({ payload: body, sigHeader: header, secret });
    return { id, event };
  },
  standardSign({ body, id, seconds, secret }) {
    return { signature: new Webhook(secret).sign(id, new Date(seconds * 1000), body) };
  },
  standardVerify({ body, headers, secret }) {
    return { message: new Webhook(secret).verify(body, headers) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { verb, body, ...rest } = JSON.parse(line);
  let answer;
  try {
    answer = await verbs[verb]({ body: Buffer.from(body, "base64"), ...rest });
  } catch (error) {
    answer = { refused: `${error.name}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
