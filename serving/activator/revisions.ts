/** The revisions this gateway serves: each with its limits, its queue and its load, made when first asked for. */
import type { BusyPod } from '../../api/load-report.ts';
import type { Revision } from '../../api/serving/revision.ts';
import type { Clock } from '../../kube/clock.ts';
import type { Address } from './backends.ts';
import type { Limits } from './deadlines.ts';
import { RevisionNotFound } from './errors.ts';
import { LoadMeter } from './load.ts';
import type { Reported, Reporter } from './reports.ts';
import { Throttle, type QueueBudget } from './throttle.ts';

export interface RevisionLabels {
  readonly namespace: string;
  readonly service: string;
  readonly configuration: string;
  readonly revision: string;
}

export interface RevisionsOptions {
  readonly clock: Clock;
  readonly queueLimit: number;
  readonly budget: QueueBudget;
  readonly reporter: Reporter;
  readonly random?: () => number;
  /** The Revision as it is now known. */
  find(namespace: string, name: string): Revision | undefined;
  /** Its ready pods. */
  addressesOf(namespace: string, name: string): readonly Address[];
  /** A revision got its first pod after requests had begun to wait for one. @param seconds since the first of them */
  coldStarted?(revision: ServedRevision, seconds: number): void;
  /** The revision no longer exists. */
  removed?(revision: ServedRevision): void;
  /** An address is no longer a ready pod's. */
  dropped?(address: Address): void;
}

export class ServedRevision implements Reported {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly throttle: Throttle;
  readonly meter: LoadMeter;
  labels: RevisionLabels;
  limits: Limits = {};
  h2c = false;
  readonly #options: RevisionsOptions;
  #addresses: readonly Address[] = [];
  #waitingSince: number | undefined;
  /** Since when those waited who now have a pod and no answer yet. */
  #answerDueSince: number | undefined;
  /** The autoscaler was told since there is no pod. */
  #woken = false;

  constructor(revision: Revision, options: RevisionsOptions) {
    const { namespace = '', name } = revision.metadata;
    this.namespace = namespace;
    this.name = name;
    this.key = `${namespace}/${name}`;
    this.#options = options;
    this.meter = new LoadMeter(options.clock.now());
    this.throttle = new Throttle({ ...options, onDemand: () => this.#demand() });
    this.labels = labelsOf(revision);
    this.configure(revision);
  }

  get starving(): boolean {
    return this.throttle.queued > 0 && this.throttle.readyPods === 0;
  }

  busyPods(): readonly BusyPod[] {
    return this.throttle.busyPods();
  }

  configure(revision: Revision): void {
    const { containerConcurrency, timeoutSeconds, responseStartTimeoutSeconds, idleTimeoutSeconds } = revision.spec;
    this.labels = labelsOf(revision);
    this.limits = { timeoutSeconds, responseStartTimeoutSeconds, idleTimeoutSeconds };
    this.h2c = revision.spec.containers.some((container) => container.ports?.some((port) => port.name === 'h2c'));
    this.throttle.setConcurrency(containerConcurrency ?? 0);
  }

  setPods(addresses: readonly Address[]): void {
    if (addresses.length === 0) this.#woken = false;
    else if (this.#waitingSince !== undefined) {
      this.#options.coldStarted?.(this, (this.#options.clock.now() - this.#waitingSince) / 1000);
      this.#answerDueSince = this.#waitingSince;
      this.#waitingSince = undefined;
    }
    const before = this.#addresses;
    this.#addresses = addresses;
    this.throttle.setPods(addresses);
    for (const one of before)
      if (!addresses.some(({ host, port }) => host === one.host && port === one.port)) this.#options.dropped?.(one);
  }

  arrive(): void {
    this.meter.arrive(this.#options.clock.now());
    if (this.#options.reporter.arrived(this.key, this)) this.#woken = this.throttle.readyPods === 0;
  }

  leave(): void {
    this.meter.leave(this.#options.clock.now());
    if (this.throttle.queued === 0) this.#waitingSince = undefined;
    // Those who waited are gone, unanswered: what comes later did not wait.
    if (this.meter.present === 0) this.#answerDueSince = undefined;
  }

  /** A pod's answer has begun to be passed on. */
  answered(): void {
    if (this.#answerDueSince === undefined) return;
    this.#options.reporter.coldStarted(this, this.#answerDueSince);
    this.#answerDueSince = undefined;
  }

  #demand(): void {
    this.#waitingSince ??= this.#options.clock.now();
    if (this.#woken) return;
    this.#woken = true;
    this.#options.reporter.wake(this);
  }
}

export class Revisions {
  readonly #options: RevisionsOptions;
  readonly #served = new Map<string, ServedRevision>();

  constructor(options: RevisionsOptions) {
    this.#options = options;
  }

  /** Those that were asked for since the process began. */
  get all(): Iterable<ServedRevision> {
    return this.#served.values();
  }

  get(namespace: string, name: string): ServedRevision | undefined {
    const key = `${namespace}/${name}`;
    const served = this.#served.get(key);
    if (served !== undefined) return served;
    const revision = this.#options.find(namespace, name);
    if (revision === undefined) return undefined;
    const made = new ServedRevision(revision, this.#options);
    made.setPods(this.#options.addressesOf(namespace, name));
    this.#served.set(key, made);
    return made;
  }

  /** One informer event. */
  take(previous: Revision | undefined, current: Revision | undefined): void {
    const { namespace = '', name = '' } = (current ?? previous)?.metadata ?? {};
    const served = this.#served.get(`${namespace}/${name}`);
    if (served === undefined) return;
    if (current !== undefined) return served.configure(current);
    this.#served.delete(served.key);
    served.throttle.close(new RevisionNotFound(namespace, name));
    served.setPods([]);
    this.#options.removed?.(served);
  }

  podsChanged(namespace: string, name: string): void {
    this.#served.get(`${namespace}/${name}`)?.setPods(this.#options.addressesOf(namespace, name));
  }
}

function labelsOf(revision: Revision): RevisionLabels {
  const { namespace = '', name, labels = {} } = revision.metadata;
  return {
    namespace,
    revision: name,
    service: labels['serving.knative.dev/service'] ?? '',
    configuration: labels['serving.knative.dev/configuration'] ?? '',
  };
}
