// The whole life of a skill, by a client that was generated from docs/openapi.json.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Skill = components["schemas"]["SkillDocument"];
type Status = components["schemas"]["Status"];

function env(name: string): string {
  const value = process.env[name];
  assert(value, `${name} is not set`);
  return value;
}

function client(key: string) {
  return createClient<paths>({
    baseUrl: env("PLANT_URL"),
    headers: { Authorization: `Bearer ${key}` },
  });
}

const author = client(env("AUTHOR"));
const certifier = client(env("CERTIFIER"));

async function step(by: typeof author, id: string, etag: string, to: Status): Promise<[Skill, string]> {
  const { data, error, response } = await by.POST("/v1/skills/{id}/status", {
    params: { path: { id }, header: { "If-Match": etag } },
    body: { to, reason: "For the smoke test." },
  });
  assert(data, JSON.stringify(error));
  return [data, response.headers.get("ETag") ?? ""];
}

const me = await author.GET("/v1/me");
assert.deepEqual(me.data?.scopes, ["read", "write"]);

const created = await author.POST("/v1/skills", {
  body: {
    name: "Kiln firing",
    description: "Fire pottery in a kiln.",
    category: "technical",
    custom_attributes: { tools: ["kiln"] },
  },
});
assert.equal(created.response.status, 201);
assert(created.data);
assert.equal(created.data.status, "draft");
assert.equal(created.data.embedding_sha256, null);
const id = created.data.id;
let etag = created.response.headers.get("ETag") ?? "";

const read = await author.GET("/v1/skills/{id}", { params: { path: { id } } });
assert.deepEqual(read.data, created.data);
assert.equal(read.response.headers.get("ETag"), etag);

const listed = await author.GET("/v1/skills", {
  params: { query: { name: ["kiln"], status: ["draft", "active"], limit: 10 } },
});
assert.deepEqual(listed.data?.items.map((skill) => skill.id), [id]);
assert.equal(listed.data?.next_cursor, null);

const patched = await author.PATCH("/v1/skills/{id}", {
  params: { path: { id }, header: { "If-Match": etag } },
  body: { aliases: ["Firing"] },
});
assert.deepEqual(patched.data?.aliases, ["Firing"]);
const stale = await author.PATCH("/v1/skills/{id}", {
  params: { path: { id }, header: { "If-Match": etag } },
  body: { aliases: [] },
});
assert.equal(stale.response.status, 412);
etag = patched.response.headers.get("ETag") ?? "";

let skill: Skill;
[skill, etag] = await step(author, id, etag, "under_review");
[skill, etag] = await step(certifier, id, etag, "certified");
[skill, etag] = await step(author, id, etag, "active");
assert.equal(skill.status, "active");
assert.equal(skill.version, 5);

const again = await author.POST("/v1/skills", {
  body: { name: "KILN FIRING", description: "The same.", category: "technical" },
});
assert(again.error);
// Its type tells which problem it is, and with it which members there are.
assert.equal(again.error.type, "/docs/errors#name-taken");
if (again.error.type === "/docs/errors#name-taken") {
  assert.equal(again.error.status, 409);
  assert.equal(again.error.existing_id, id);
}

const many = await certifier.GET("/v1/entities", { params: { query: { id: [id] } } });
const [first] = many.data?.items ?? [];
assert(first && first.entity_type === "skill" && first.category === "technical");

console.log("lived");
