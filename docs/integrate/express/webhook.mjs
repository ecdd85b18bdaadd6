// What Vestibule tells of people, groups and directories. Verification is standardwebhooks'; what is kept is ours.
import { Webhook } from "standardwebhooks";

// The message, or null for what Vestibule did not send. `rawBody` is a Buffer of the bytes as they came: JSON that was
// parsed and written again has another signature.
export function verified(headers, rawBody, secret) {
  const webhook = new Webhook(secret);
  try {
    return webhook.verify(rawBody, headers);
  } catch {
    return null;
  }
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
