/** Asks the webhooks that concern a request: mutating ones in turn, validating ones at once. */
import { randomUUID } from 'node:crypto';
import { deepEqual } from '../../../kube/equal.ts';
import { ApiError } from '../../../kube/errors.ts';
import type { Logger } from '../../../kube/log.ts';
import { fromStorage, toStorage } from '../conversions.ts';
import { badRequest, forbidden, internal } from '../errors.ts';
import { isObject } from '../json.ts';
import { jsonPatch } from '../patch/apply-patch.ts';
import type { Metrics } from '../metrics.ts';
import type { KindInfo } from '../registry.ts';
import type { Store } from '../store/store.ts';
import type { Body } from '../body.ts';
import type { Attributes } from './attributes.ts';
import { CallFailed, type HookCaller } from './caller.ts';
import type { Hook } from './hook.ts';
import type { Candidate } from './hooks.ts';
import type { MatchConditions } from './match-conditions.ts';
import { answerOf, denialOf, InvalidAnswer, reviewOf, type ReviewAnswer } from './review.ts';
import { isSelected } from './selectors.ts';
import { messageOf } from '../../../kube/message.ts';

export interface Dispatcher {
  readonly store: Store;
  readonly caller: HookCaller;
  readonly conditions: MatchConditions;
  readonly log: Logger;
  readonly onCall: Metrics['onWebhook'];
}

/** What the server itself makes of an object that a webhook has patched. */
export interface Finishing {
  /** Drops what the kind does not have, fills in what it defaults. @throws ApiError */
  normalize(object: Body): Body;
  /** The server's own mutations once more, before webhooks are asked again. */
  again(object: Body): Body;
}

/** The webhook could not be called, or gave no answer that can be used. */
class HookFailed extends Error {
  constructor(hook: Hook, why: string) {
    super(`failed calling webhook ${JSON.stringify(hook.name)}: ${why}`);
  }
}

/**
 * @returns the object as the webhooks left it; the same when none changed it
 * @throws ApiError of a denial, or 500 when a webhook that must be asked cannot be
 */
export async function mutate(
  on: Dispatcher,
  candidates: readonly Candidate[],
  attributes: Attributes,
  finishing: Finishing,
  warnings: string[],
): Promise<Body | undefined> {
  let { object } = attributes;
  /** Asked already and willing to be asked again; those that must be, as something changed after them. */
  const willing = new Set<string>();
  const due = new Set<string>();
  const changed = (): void => {
    for (const id of willing) due.add(id);
    willing.clear();
  };
  const round = async (again: boolean): Promise<boolean> => {
    let any = false;
    for (const candidate of candidates) {
      const { hook } = candidate;
      if (!(await concerns(on, hook, attributes, object))) continue;
      if (again && !due.has(hook.id)) continue;
      const next = await tolerant(on, hook, attributes, () =>
        askForPatch(on, candidate, attributes, object, finishing, warnings),
      );
      if (next !== undefined && next !== object) {
        object = next;
        any = true;
        changed();
      }
      if (hook.reinvocable) willing.add(hook.id);
    }
    return any;
  };
  if (!(await round(false)) || object === undefined) return object;
  const settled = finishing.again(object);
  if (!deepEqual(settled, object)) {
    object = settled;
    changed();
  }
  await round(true);
  return object;
}

/** @throws ApiError of the first denial, or 500 when a webhook that must be asked cannot be */
export async function validate(
  on: Dispatcher,
  candidates: readonly Candidate[],
  attributes: Attributes,
  warnings: string[],
): Promise<void> {
  const { object } = attributes;
  const relevant: Candidate[] = [];
  for (const candidate of candidates)
    if (await concerns(on, candidate.hook, attributes, object)) relevant.push(candidate);
  let first: { readonly error: unknown } | undefined;
  await Promise.all(
    relevant.map(async (candidate) => {
      try {
        await tolerant(on, candidate.hook, attributes, () => ask(on, candidate, attributes, object, false, warnings));
      } catch (error) {
        first ??= { error };
      }
    }),
  );
  if (first !== undefined) throw first.error;
}

/** @throws ApiError 403 when a match condition cannot be evaluated and the webhook may not be passed over */
async function concerns(
  on: Dispatcher,
  hook: Hook,
  attributes: Attributes,
  object: Body | undefined,
): Promise<boolean> {
  if (!isSelected(on.store, hook, attributes, object)) return false;
  const outcome = await on.conditions.evaluate(hook, attributes, object);
  if (outcome.type !== 'failed') return outcome.type === 'match';
  if (hook.failsOpen) return false;
  throw forbidden(attributes.info, attributes.name, outcome.message);
}

/** Applies the failure policy. @returns undefined when the webhook is passed over */
async function tolerant<T>(
  on: Dispatcher,
  hook: Hook,
  { operation }: Attributes,
  run: () => Promise<T>,
): Promise<T | undefined> {
  const started = performance.now();
  const count = (rejected: boolean, failedOpen: boolean): void => {
    const type = hook.type === 'mutating' ? 'admit' : 'validating';
    on.onCall({
      name: hook.name,
      type,
      operation,
      seconds: (performance.now() - started) / 1000,
      rejected,
      failedOpen,
    });
  };
  try {
    const result = await run();
    count(false, false);
    return result;
  } catch (error) {
    const isPassedOver = error instanceof HookFailed && hook.failsOpen;
    count(!isPassedOver, isPassedOver);
    if (!(error instanceof HookFailed)) throw error;
    if (!hook.failsOpen) throw internal(error.message);
    on.log.warn('a webhook failed and is passed over', { webhook: hook.name, error: error.message });
    return undefined;
  }
}

async function askForPatch(
  on: Dispatcher,
  candidate: Candidate,
  attributes: Attributes,
  object: Body | undefined,
  finishing: Finishing,
  warnings: string[],
): Promise<Body | undefined> {
  const { hook, info } = candidate;
  const { patch, patchType } = await ask(on, candidate, attributes, object, true, warnings);
  if (patch === undefined) return object;
  let operations: unknown;
  try {
    operations = JSON.parse(patch);
  } catch (error) {
    throw new HookFailed(hook, `received undecodable patch in webhook response: ${messageOf(error)}`);
  }
  if (!Array.isArray(operations))
    throw new HookFailed(hook, 'received undecodable patch in webhook response: it is no JSON patch');
  if (operations.length === 0) return object;
  if (object === undefined)
    throw internal(
      `admission webhook ${JSON.stringify(hook.name)} attempted to modify the object, which is not supported for this operation`,
    );
  if (patchType !== 'JSONPatch') throw new HookFailed(hook, `unsupported patch type ${JSON.stringify(patchType)}`);
  const shown = converted(attributes.info, info, object);
  let patched: object = shown;
  for (const operation of operations as unknown[]) {
    try {
      patched = jsonPatch(patched, [operation]);
    } catch (error) {
      throw internal(patchProblem(operation, error));
    }
  }
  if (deepEqual(patched, shown)) return object;
  if (!isObject(patched) || !isObject(patched.metadata))
    throw internal(`admission webhook ${JSON.stringify(hook.name)} left no object`);
  try {
    return finishing.normalize(converted(info, attributes.info, patched as unknown as Body));
  } catch (error) {
    // Whose kind it is goes without saying here.
    throw internal(messageOf(error).replace(/^.* cannot be handled as a \S+: /, ''));
  }
}

async function ask(
  on: Dispatcher,
  candidate: Candidate,
  attributes: Attributes,
  object: Body | undefined,
  mutating: boolean,
  warnings: string[],
): Promise<ReviewAnswer> {
  const { hook, info } = candidate;
  if (attributes.dryRun && !hook.allowsDryRun)
    throw badRequest(`admission webhook ${JSON.stringify(hook.name)} does not support dry run`);
  const { reviewVersion } = hook;
  if (reviewVersion === undefined)
    throw new HookFailed(
      hook,
      'could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)',
    );
  const show = (one: Body | undefined) => (one === undefined ? undefined : converted(attributes.info, info, one));
  const review = reviewOf(candidate, reviewVersion, attributes, show(object), show(attributes.old), randomUUID());
  let answer: ReviewAnswer;
  try {
    answer = answerOf(review, mutating, await on.caller.call(hook, review.body));
  } catch (error) {
    if (error instanceof CallFailed) throw new HookFailed(hook, `failed to call webhook: ${error.message}`);
    if (error instanceof InvalidAnswer)
      throw new HookFailed(hook, `received invalid webhook response: ${error.message}`);
    throw error;
  }
  // What does not fit a header is dropped, as Kubernetes does.
  warnings.push(...answer.warnings.filter((text) => text !== '' && !CONTROL.test(text)));
  if (!answer.allowed) throw new ApiError(denialOf(hook.name, answer.result));
  return answer;
}

const CONTROL = /\p{Cc}/u;

/** From one served version of a resource to another. */
function converted(from: KindInfo, to: KindInfo, object: Body): Body {
  return from === to ? object : (fromStorage(to, toStorage(from, object)) as Body);
}

/** Why an operation cannot be carried out, in the words of the library that Kubernetes uses. */
function patchProblem(operation: unknown, error: unknown): string {
  const { op, path } = isObject(operation) ? operation : {};
  if (typeof op !== 'string' || typeof path !== 'string') return messageOf(error);
  switch (op) {
    case 'add':
      return `add operation does not apply: doc is missing path: ${JSON.stringify(path)}: missing value`;
    case 'replace':
      return `replace operation does not apply: doc is missing key: ${path}: missing value`;
    case 'remove':
      return `error in remove for path: '${path}': Unable to remove nonexistent key: ${path.split('/').at(-1) ?? ''}: missing value`;
    case 'test':
      return `testing value ${path} failed: test failed`;
    case 'copy':
    case 'move':
      return `error in ${op} for path: '${path}': missing value`;
    default:
      return `Unexpected kind: ${op}`;
  }
}
