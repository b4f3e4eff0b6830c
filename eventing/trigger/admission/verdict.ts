/** Field errors as the answer of Knative's validating webhook, and values as its diffs print them. */
import { formatFieldErrors, type FieldError } from '../../../api/field-error.ts';
import type { AdmissionVerdict } from '../../../kube/admission.ts';
import { failure } from '../../../kube/errors.ts';

const WEBHOOK = 'validation.webhook.eventing.knative.dev';

export function verdictOf(errors: readonly FieldError[]): AdmissionVerdict {
  if (errors.length === 0) return {};
  const message = `admission webhook "${WEBHOOK}" denied the request: validation failed: ${formatFieldErrors(errors)}`;
  return { denied: failure(400, 'BadRequest', message) };
}

/** The details of an immutability error: what was, what is asked for. */
export function difference(what: string, before: unknown, after: unknown): string {
  return `{${what}}:\n\t-: ${show(before)}\n\t+: ${show(after)}\n`;
}

function show(value: unknown): string {
  return value === undefined ? '""' : JSON.stringify(value);
}
