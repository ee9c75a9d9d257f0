// What things are called: kinds, states, steps, checks.

export const KINDS = [
  { path: "skills", name: "skill", one: "Skill", many: "Skills" },
  { path: "job-roles", name: "job_role", one: "Job role", many: "Job roles" },
  { path: "teams", name: "team", one: "Team", many: "Teams" },
  { path: "agents", name: "agent", one: "Agent", many: "Agents" },
  { path: "industries", name: "industry", one: "Industry", many: "Industries" },
];

/** Find a kind by its path or by its name. */
export const kindOf = (word) => KINDS.find((kind) => kind.path === word || kind.name === word);

export const STATES = ["draft", "under_review", "certified", "active", "deprecated", "archived"];

/** Write a word of the API for people. */
export const spoken = (word) => (word ?? "").replaceAll("_", " ");

/** The steps of the life cycle (docs/api.md), and what is done by each. */
export const STEPS = [
  { from: "draft", to: "under_review", scope: "write", word: "Submit for review" },
  { from: "under_review", to: "draft", scope: "certify", word: "Reject", own: false },
  { from: "under_review", to: "draft", scope: "write", word: "Withdraw", own: true },
  { from: "under_review", to: "certified", scope: "certify", word: "Certify", own: false },
  { from: "certified", to: "active", scope: "write", word: "Activate" },
  { from: "active", to: "deprecated", scope: "write", word: "Deprecate" },
  ...STATES.slice(0, 5).map((from) => ({ from, to: "archived", scope: "write", word: "Archive" })),
];

/** What an operation of the log did. */
export const DONE = {
  create: "created",
  amend: "changed",
  import: "imported",
  submit: "submitted for review",
  withdraw: "withdrawn",
  reject: "rejected",
  certify: "certified",
  activate: "activated",
  deprecate: "deprecated",
  archive: "archived",
  erase: "erased",
  prune: "pruned",
  restore: "restored",
};

export const RELATIONS = {
  parent: "has it as a parent",
  essential_skill: "needs it",
  optional_skill: "may need it",
  skill: "has it",
  industry: "is in it",
  job_role: "has this job role",
  team: "is a member",
};

export const CHECKS = {
  "L0-01": "A registered governance agent is accountable",
  "L0-02": "Every version has an author who had the scope",
  "L0-03": "The triggers that keep the log append-only stand, on the whole database",
  "L0-04": "All versions are there, linked, and the last is what is served",
  "L0-05": "Certified before activated, by another governance agent than who wrote",
  "L1-SKILL-1": "Name and description are not blank",
  "L1-SKILL-2": "The category is set",
  "L1-ROLE-1": "It needs at least one essential skill",
  "L1-ROLE-2": "All its essential skills are in force",
  "L1-ROLE-3": "The seniority is set",
  "L1-TEAM-1": "Its job role is in force",
  "L1-TEAM-2": "Its industry is in force",
  "L1-TEAM-3": "It has a member, and all share job role and industry",
  "L1-AGENT-1": "Its job role is in force",
  "L1-AGENT-2": "Its industry is in force",
  "L1-AGENT-3": "Its skills are in force and cover the essential ones of its job role",
  "L1-IND-1": "The name is not blank",
  "L1-IND-2": "Scheme and code agree, and parents form no cycle",
  "L1-PARENT-1": "Its parents form no cycle",
  "L1-REF-1": "Nothing else that it refers to is archived",
};
