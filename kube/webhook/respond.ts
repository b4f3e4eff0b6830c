/** What a webhook answers: the pure admissions of a kind, in the words of Knative's webhooks. */
import type { KubeObject } from '../../api/object.ts';
import type { AdmissionContext, AdmissionVerdict } from '../admission.ts';
import { failure, type Status } from '../errors.ts';
import type { Transport } from '../transport.ts';
import { admissionsOfKind, type WebhookComponent, type WebhookRole } from './component.ts';
import { jsonDiff } from './json-diff.ts';
import type { ReviewRequest, ReviewResponse } from './review.ts';
import { timestamp } from '../timestamp.ts';

export interface Surroundings {
  readonly components: readonly WebhookComponent[];
  /** Who answers the questions of admissions. */
  readonly api: Transport;
  /** Data of a ConfigMap without `_example`. */
  config(namespace: string, name: string): Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  now(): number;
}

const ALLOWED: ReviewResponse = { allowed: true };

/** Words before "unhandled kind", by role. */
const STAGES: Readonly<Record<WebhookRole, string>> = {
  defaulting: 'mutation failed',
  validation: 'decoding request failed',
  config: 'validation failed',
};

/** @throws what an admission throws, which is a bug, and what the API's transport rejects with */
export async function respond(
  around: Surroundings,
  role: WebhookRole,
  request: ReviewRequest,
): Promise<ReviewResponse> {
  const { kind, operation, object, oldObject } = request;
  const found = admissionsOfKind(around.components, role, kind);
  if (found === undefined) {
    const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
    return refused(`${STAGES[role]}: unhandled kind: ${apiVersion}, Kind=${kind.kind}`);
  }
  // Deletions and connections are nobody's business here.
  if (operation !== 'CREATE' && operation !== 'UPDATE') return ALLOWED;
  if (object === undefined) return refused(`${STAGES[role]}: the new object may not be nil`);
  const context = contextOf(around, request, operation);
  const old = operation === 'UPDATE' ? oldObject : undefined;
  if (role === 'defaulting') {
    let next: KubeObject = object;
    for (const admission of found.admissions) next = admission.default?.(next, old, context) ?? next;
    return { allowed: true, patch: next === object ? [] : jsonDiff(object, next) };
  }
  const warnings: string[] = [];
  const take = (verdict: AdmissionVerdict | undefined): Status | undefined => {
    warnings.push(...(verdict?.warnings ?? []));
    return verdict?.denied;
  };
  for (const admission of found.admissions) {
    const denied = take(admission.validate?.(object, old, context));
    if (denied !== undefined) return { allowed: false, status: ownWords(found.hook, denied), warnings };
  }
  for (const admission of found.admissions) {
    const denied = take(await admission.question?.(object, old, context)?.(around.api));
    if (denied !== undefined) return { allowed: false, status: ownWords(found.hook, denied), warnings };
  }
  return { allowed: true, warnings };
}

function contextOf(
  { config, now }: Surroundings,
  { subResource, dryRun, username }: ReviewRequest,
  operation: AdmissionContext['operation'],
): AdmissionContext {
  return {
    operation,
    subresource: subResource,
    dryRun,
    username,
    now: timestamp(now()),
    config,
  };
}

/** A denial as the webhook says it: whose it is, is for the API server to add. */
function ownWords(hook: string, status: Status): Status {
  const prefix = `admission webhook ${JSON.stringify(hook)} denied the request: `;
  const { message = '' } = status;
  return message.startsWith(prefix) ? { ...status, message: message.slice(prefix.length) } : status;
}

function refused(message: string): ReviewResponse {
  return { allowed: false, status: failure(400, 'BadRequest', message) };
}
