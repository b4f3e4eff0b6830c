/** Asks all activators which pods of a revision have requests in flight, and puts their answers together. */
import type { AutoscalerMessage, BusyPods } from '../../api/load-report.ts';
import type { Clock } from '../../kube/clock.ts';
import { keyOf } from '../../kube/informer.ts';
import type { ObjectKey } from '../../kube/reconciler.ts';

/** Requests in flight by the IP address of the pod; pods that are not in it have none. */
export type InFlight = ReadonlyMap<string, number>;

export interface BusyPodsOptions {
  readonly clock: Clock;
  /** Says it to all activators. @returns how many will answer */
  tell(message: AutoscalerMessage): number;
}

interface Question {
  readonly id: number;
  readonly found: Map<string, number>;
  readonly answer: Promise<InFlight>;
  readonly finish: () => void;
  outstanding: number;
}

/** An activator that has not answered by then is gone, or too busy to say: pods go all the same, ms. */
export const ANSWER_WITHIN = 500;

export class BusyPodsSurvey {
  readonly #options: BusyPodsOptions;
  /** One a revision at a time. */
  readonly #open = new Map<string, Question>();
  #lastId = 0;

  constructor(options: BusyPodsOptions) {
    this.#options = options;
  }

  /** Never rejects. What has not been answered in time is left out. */
  ask({ namespace, name }: ObjectKey): Promise<InFlight> {
    const key = keyOf(namespace, name);
    const open = this.#open.get(key);
    if (open !== undefined) return open.answer;
    const id = ++this.#lastId;
    const found = new Map<string, number>();
    let resolve: (found: InFlight) => void = () => undefined;
    const answer = new Promise<InFlight>((done) => (resolve = done));
    const cancel = this.#options.clock.after(ANSWER_WITHIN, () => finish());
    const finish = (): void => {
      cancel();
      this.#open.delete(key);
      resolve(found);
    };
    const question: Question = { id, found, answer, finish, outstanding: 0 };
    this.#open.set(key, question);
    question.outstanding = this.#options.tell({ type: 'whichPodsAreBusy', id, namespace: namespace ?? '', name });
    if (question.outstanding === 0) finish();
    return answer;
  }

  /** Takes an answer in; late ones are left out. */
  take({ id, pods }: BusyPods): void {
    const question = [...this.#open.values()].find((one) => one.id === id);
    if (question === undefined) return;
    for (const { host, inFlight } of pods) question.found.set(host, (question.found.get(host) ?? 0) + inFlight);
    if (--question.outstanding <= 0) question.finish();
  }
}
