// The callback's job as one would write it in Node with the official SDKs: the same secrets, the same calls to DynamoDB
// and WorkOS in the same order, the same signature. It is here to be measured, not to be deployed: of the checks only
// those that cost something are made.

import { createHash, randomBytes } from "node:crypto";
import {
  BatchGetItemCommand,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { WorkOS } from "@workos-inc/node";
import { SignJWT, importPKCS8 } from "jose";
import { serve } from "./runtime.mjs";

const { env } = process;
const identity = env.IDENTITY_TABLE;
const ephemeral = env.EPHEMERAL_TABLE;
const workosUrl = new URL(env.WORKOS_API_BASE_URL);

const database = new DynamoDBClient({});
const secrets = new SecretsManagerClient({});
const secret = async (id) => JSON.parse((await secrets.send(new GetSecretValueCommand({ SecretId: id }))).SecretString);

// Fetched during init, as the functions do.
const [{ api_key: apiKey }, ring] = await Promise.all([secret(env.WORKOS_API_KEY_SECRET), secret(env.SIGNING_KEYS_SECRET)]);
const workos = new WorkOS(apiKey, { apiHostname: workosUrl.hostname, port: Number(workosUrl.port), https: true });
const key = await importPKCS8(`-----BEGIN PRIVATE KEY-----\n${ring.active.pkcs8}\n-----END PRIVATE KEY-----`, "ES256");

const sha256 = (text) => createHash("sha256").update(text).digest("base64url");
const id = (prefix) => prefix + randomBytes(13).toString("hex").toUpperCase();
const text = (value) => ({ S: value });
const number = (value) => ({ N: String(value) });
const item = async (pk, sk) => {
  const Key = { pk: text(pk), sk: text(sk) };
  return (await database.send(new GetItemCommand({ TableName: identity, Key, ConsistentRead: true }))).Item;
};

const invalid = { statusCode: 400, headers: { "content-type": "text/plain" }, body: "Invalid state" };

async function callback(event) {
  const { code, state } = event.queryStringParameters ?? {};
  const stateHash = sha256(state);
  const cookies = new Map((event.cookies ?? []).map((cookie) => cookie.split(/=(.*)/s).slice(0, 2)));
  const cookie = `__Host-login-${stateHash.slice(0, 10)}`;
  const browser = cookies.get(cookie)?.split(".")[1];
  if (!browser) return invalid;

  const now = Date.now();
  const seconds = Math.floor(now / 1000);
  const address = event.requestContext.http.sourceIp;
  const [, { Attributes: login }] = await Promise.all([
    database.send(
      new UpdateItemCommand({
        TableName: ephemeral,
        Key: { pk: text(`R#callbacks#${address}#0#${Math.floor(seconds / 60)}`) },
        UpdateExpression: "ADD n :one SET expires_at = :expires, v = :version",
        ExpressionAttributeValues: { ":one": number(1), ":expires": number(seconds + 180), ":version": number(1) },
        ReturnValues: "UPDATED_NEW",
      }),
    ),
    database.send(
      new DeleteItemCommand({
        TableName: ephemeral,
        Key: { pk: text(`L#${stateHash}`) },
        ConditionExpression: "browser_hash = :browser AND expires_at > :now",
        ExpressionAttributeValues: { ":browser": text(sha256(browser)), ":now": number(seconds) },
        ReturnValues: "ALL_OLD",
      }),
    ),
  ]);
  if (!login) return invalid;

  const org = login.selector.M.organization.S;
  const keys = ["META", "GATE"].map((sk) => ({ pk: text(`O#${org}`), sk: text(sk) }));
  const [{ profile }, tenant] = await Promise.all([
    workos.sso.getProfileAndToken({ code, clientId: env.WORKOS_CLIENT_ID, codeVerifier: login.verifier.S }),
    database.send(new BatchGetItemCommand({ RequestItems: { [identity]: { Keys: keys, ConsistentRead: true } } })),
  ]);
  if (profile.organizationId !== org || tenant.Responses[identity].length !== 2) return invalid;

  const link = await item(`O#${org}#I#${profile.connectionId}#${profile.idpId}`, "LINK");
  const user = await item(`O#${org}#U#${link.user.S}`, "META");
  if (user.status.S !== "active") return invalid;

  const sid = id("sess_");
  const fields = { organization: text(org), user: text(link.user.S), v: number(1) };
  await database.send(
    new TransactWriteItemsCommand({
      TransactItems: [
        {
          Update: {
            TableName: identity,
            Key: { pk: text(`O#${org}#U#${link.user.S}`), sk: text("META") },
            UpdateExpression: "SET email = :email, last_login_at = :now",
            ConditionExpression: "#status = :active AND generation = :generation",
            ExpressionAttributeNames: { "#status": "status" },
            ExpressionAttributeValues: {
              ":active": text("active"),
              ":generation": user.generation,
              ":email": text(profile.email),
              ":now": number(now),
            },
          },
        },
        {
          Put: {
            TableName: identity,
            Item: { pk: text(`O#${org}#U#${link.user.S}`), sk: text(`S#${sid}`), expires_at: number(seconds + 86400), ...fields },
            ConditionExpression: "attribute_not_exists(pk)",
          },
        },
        {
          Put: {
            TableName: identity,
            Item: {
              pk: text(`O#${org}#A#${new Date(now).toISOString().slice(0, 10)}`),
              sk: text(id("")),
              action: text("user.signed_in"),
              ...fields,
            },
            ConditionExpression: "attribute_not_exists(pk)",
          },
        },
      ],
    }),
  );

  const token = await new SignJWT({ org, sid, roles: ["member"], amr: ["sso"], auth_time: seconds })
    .setProtectedHeader({ alg: "ES256", typ: "session+jwt", kid: "peer" })
    .setIssuer(env.PUBLIC_URL)
    .setAudience(env.PUBLIC_URL)
    .setSubject(link.user.S)
    .setIssuedAt(seconds)
    .setNotBefore(seconds)
    .setExpirationTime(seconds + 300)
    .sign(key);
  return {
    statusCode: 303,
    headers: { location: login.return_to.S, "cache-control": "no-store" },
    cookies: [
      `${cookie}=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0`,
      `__Host-session=${token}; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=86400`,
    ],
    body: "",
  };
}

await serve(callback);
