// What Vestibule tells of people, groups and directories, verified with nothing but Node.
import { createHmac, timingSafeEqual } from "node:crypto";

// The message, or null for what Vestibule did not send in the last five minutes.
export function verified(headers, rawBody, secret) {
  const id = headers["webhook-id"];
  const time = headers["webhook-timestamp"];
  if (!id || !/^\d{1,12}$/.test(time) || Math.abs(Date.now() / 1000 - time) > 300) return null;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const good = createHmac("sha256", key).update(`${id}.${time}.`).update(rawBody).digest();
  // During a rotation there are two.
  const genuine = (headers["webhook-signature"] ?? "").split(" ").some((one) => {
    const given = one.startsWith("v1,") ? Buffer.from(one.slice(3), "base64") : Buffer.alloc(0);
    return given.length === good.length && timingSafeEqual(given, good);
  });
  return genuine ? JSON.parse(rawBody) : null;
}

export function changes(secret) {
  // By tenant and subject the newest message. Yours is a table with a condition on `order`.
  const newest = new Map();

  // The status that Vestibule gets.
  function receive(rawBody, headers) {
    const message = verified(headers, rawBody, secret);
    if (!message) return 401;
    const key = `${message.organization_id} ${message.subject}`;
    // Messages come twice and out of order. Each says the whole of what is now, so the highest number is enough.
    if (message.order > (newest.get(key)?.order ?? 0)) newest.set(key, message);
    return 204;
  }

  // The people of one tenant.
  function people(organization) {
    return [...newest.values()]
      .filter(({ type, organization_id }) => type.startsWith("user.") && organization_id === organization)
      .map(({ data: { id, email, active } }) => ({ id, email, active }));
  }

  return { receive, people };
}
