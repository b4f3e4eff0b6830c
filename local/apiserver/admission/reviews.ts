/**
 * Joins webhooks, which take their time, to writes, which are decided in one turn of the event loop on the newest
 * state. A write that needs an answer it does not have yet ends with `ReviewNeeded`; the answer is fetched and the
 * write decided anew. When it then asks the very same question the answer holds; when the stored object has changed
 * meanwhile, the question is another one and is asked again. Kinds that nobody reviews never come here.
 */
import { randomUUID } from 'node:crypto';
import type { AdmissionQuestion } from '../../../kube/admission.ts';
import { deepEqual } from '../../../kube/equal.ts';
import { ApiError } from '../../../kube/errors.ts';
import type { Transport } from '../../../kube/transport.ts';
import { conflict } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import type { KindInfo, Registry } from '../registry.ts';
import type { Store } from '../store/store.ts';
import type { Body } from '../body.ts';
import type { Attributes } from './attributes.ts';
import { HookCaller } from './caller.ts';
import { mutate, validate, type Dispatcher, type Finishing } from './dispatch.ts';
import type { HookType } from './hook.ts';
import { Hooks, type Candidate } from './hooks.ts';
import { MatchConditions } from './match-conditions.ts';
import { Policies } from './policies.ts';
import type { Policy } from './policy.ts';
import type { Logger } from '../../../kube/log.ts';

/** Two questions a write (what to change, whether to allow), each asked anew this often while the object changes. */
const MOST_QUESTIONS = 2 * 6;

interface Answer {
  readonly type: HookType;
  readonly attributes: Attributes;
  readonly object: Body | undefined;
  readonly warnings: readonly string[];
}

/** Thrown inside a write, and caught by `reviewed` alone. */
export class ReviewNeeded extends Error {
  readonly type: HookType;
  readonly attributes: Attributes;
  readonly ask: (warnings: string[]) => Promise<Body | undefined>;

  constructor(type: HookType, attributes: Attributes, ask: (warnings: string[]) => Promise<Body | undefined>) {
    super('a write that needs a review was not run under one');
    this.type = type;
    this.attributes = attributes;
    this.ask = ask;
  }
}

/** What has been answered about one write so far, and what must be the same in each of its runs. */
export class Reviews {
  readonly uid = randomUUID();
  /** The name that was generated for the object, if it has none of its own. */
  generatedName: string | undefined;
  readonly #answers: Answer[] = [];

  /** @returns undefined when this has not been asked */
  find(type: HookType, attributes: Attributes): Answer | undefined {
    return this.#answers.find((answer) => answer.type === type && isSame(answer.attributes, attributes));
  }

  keep(answer: Answer): void {
    // What was answered of a former state is of no use any more.
    const others = this.#answers.findIndex(({ type }) => type === answer.type);
    if (others >= 0) this.#answers.splice(others, 1);
    this.#answers.push(answer);
  }
}

function isSame(a: Attributes, b: Attributes): boolean {
  return a.operation === b.operation && deepEqual(a.old, b.old) && deepEqual(a.object, b.object);
}

/** Who is to be heard before a write is allowed. */
/** What is needed of a request that is reviewed. */
export interface Reviewed {
  readonly info: KindInfo;
  readonly name: string | undefined;
  readonly warnings: string[];
}

export interface Validators {
  readonly candidates: readonly Candidate[];
  readonly policies: readonly Policy[];
  /** Of the server's own admissions. */
  readonly questions: readonly AdmissionQuestion[];
}

/** Webhooks and policies in force. */
export class Webhooks {
  readonly hooks: Hooks;
  readonly policies: Policies;
  readonly #dispatcher: Dispatcher;
  /** Of the server itself: who its own admissions ask. */
  transport: Transport | undefined;

  constructor(store: Store, registry: Registry, log: Logger, onCall: Metrics['onWebhook']) {
    const conditions = new MatchConditions(store);
    this.hooks = new Hooks(registry);
    this.policies = new Policies(store, registry, conditions);
    this.#dispatcher = { store, caller: new HookCaller(store), conditions, log, onCall };
  }

  /**
   * The object as mutating webhooks leave it.
   * @throws ReviewNeeded when they have not been asked yet
   */
  mutated(
    call: Reviewed,
    reviews: Reviews,
    candidates: readonly Candidate[],
    attributes: Attributes,
    finishing: Finishing,
  ): Body | undefined {
    const answer = reviews.find('mutating', attributes);
    if (answer === undefined)
      throw new ReviewNeeded('mutating', attributes, (warnings) =>
        mutate(this.#dispatcher, candidates, attributes, finishing, warnings),
      );
    call.warnings.push(...answer.warnings);
    return answer.object;
  }

  /**
   * Returns when policies, validating webhooks and the server's own questions allow the request.
   * @throws ReviewNeeded when they have not been asked yet
   */
  validated(
    call: Reviewed,
    reviews: Reviews,
    { candidates, policies, questions }: Validators,
    attributes: Attributes,
  ): void {
    const answer = reviews.find('validating', attributes);
    if (answer === undefined)
      throw new ReviewNeeded('validating', attributes, async (warnings) => {
        await this.policies.check(policies, attributes, warnings);
        await Promise.all([
          validate(this.#dispatcher, candidates, attributes, warnings),
          ...questions.map((question) => this.#put(question, warnings)),
        ]);
        return undefined;
      });
    call.warnings.push(...answer.warnings);
  }

  /** Whether nobody but the server itself has a say. */
  get isEmpty(): boolean {
    return this.hooks.isEmpty && this.policies.isEmpty;
  }

  /** Follows what is registered. @returns the end of it */
  follow(store: Store): () => void {
    const stops = [this.hooks.follow(store), this.policies.follow()];
    return () => {
      for (const stop of stops) stop();
    };
  }

  close(): void {
    this.#dispatcher.caller.close();
  }

  async #put(question: AdmissionQuestion, warnings: string[]): Promise<void> {
    if (this.transport === undefined) return;
    const verdict = await question(this.transport);
    warnings.push(...(verdict.warnings ?? []));
    if (verdict.denied !== undefined) throw new ApiError(verdict.denied);
  }
}

/**
 * Runs a write until it has all its answers.
 * @param run decides on the newest state; called again after each answer
 * @throws ApiError 409 when the object keeps changing under the questions
 */
export async function reviewed<C extends Reviewed, T>(
  call: C,
  run: (call: C & { readonly reviews: Reviews }) => Promise<T>,
): Promise<T> {
  const reviews = new Reviews();
  const told = call.warnings.length;
  for (let questions = 0; ; questions++) {
    try {
      return await run({ ...call, reviews });
    } catch (error) {
      if (!(error instanceof ReviewNeeded)) throw error;
      if (questions === MOST_QUESTIONS) throw conflict(call.info, call.name ?? '');
      const { type, attributes } = error;
      const warnings: string[] = [];
      try {
        const object = await error.ask(warnings);
        call.warnings.length = told;
        reviews.keep({ type, attributes, object, warnings });
      } catch (refusal) {
        call.warnings.push(...warnings);
        throw refusal;
      }
    }
  }
}
