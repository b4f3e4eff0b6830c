/** Changes everything that can be changed about a Service while it is under load, and checks that each change holds. */
import { ConfigMap } from '../../api/core.ts';
import { PodAutoscaler } from '../../api/autoscaling/pod-autoscaler.ts';
import type { TrafficTarget } from '../../api/serving/route.ts';
import { Service } from '../../api/serving/service.ts';
import { SERVING_NAMESPACE } from '../../api/zeroth.ts';
import type { Client } from '../../kube/client.ts';
import { untilReady } from '../knative.ts';
import type { Told } from './load.ts';
import { ask, type Target } from './request.ts';
import type { Tally } from './tally.ts';

interface Shown {
  readonly revision: string;
  /** What its program answers. */
  readonly version: string;
}

/** A Service under load, as the driver has changed it so far. */
export class Subject {
  readonly name: string;
  readonly target: Target;
  /** What the program says that answers; not every program does. */
  readonly says: boolean;
  /** Versions given out so far; a failed update may leave one out. */
  versions = 1;
  latest: Shown;
  previous: Shown;

  constructor(name: string, port: number, says: boolean) {
    this.name = name;
    this.target = { port, host: `${name}.default.localhost` };
    this.says = says;
    this.latest = this.previous = { revision: `${name}-00001`, version: '1' };
  }
}

const LATEST: readonly TrafficTarget[] = [{ latestRevision: true, percent: 100 }];

/** Two values of each key, taken in turns: live configuration that changes no answer. */
const SETTINGS: readonly [map: string, key: string, first: string, second: string][] = [
  ['config-autoscaler', 'max-scale-up-rate', '500', '1000'],
  ['config-network', 'rollout-duration', '1', '0'],
  ['config-features', 'tag-header-based-routing', 'enabled', 'disabled'],
  ['config-gc', 'max-non-active-revisions', '6', '5'],
  ['config-deployment', 'progress-deadline', '500s', '600s'],
  ['config-defaults', 'max-revision-timeout-seconds', '700', '600'],
];

export class Driver {
  readonly #client: Client;
  readonly #tally: Tally;
  #turn = 0;

  constructor(client: Client, tally: Tally) {
    this.#client = client;
    this.#tally = tally;
  }

  /** A new template: its Revision takes all traffic once it is ready. */
  update(subject: Subject): Promise<void> {
    return this.#timed(`change ${subject.name}: update`, async () => {
      const { latest } = subject;
      const version = String(++subject.versions);
      const service = await this.#client.get(Service, 'default', subject.name);
      const [container] = service.spec.template.spec.containers;
      const containers = [{ ...container, env: [{ name: 'VERSION', value: version }] }];
      const ready = await this.#patch(subject, { template: { spec: { containers } }, traffic: LATEST });
      subject.previous = latest;
      const revision = ready.status?.latestReadyRevisionName ?? '';
      subject.latest = { revision, version };
      if (revision === latest.revision) throw new Error(`ready, yet ${revision} is still the latest revision`);
      await this.#expect(subject, subject.target, version);
    });
  }

  /** All traffic to the Revision before, which may have gone to zero meanwhile. */
  rollback(subject: Subject): Promise<void> {
    return this.#timed(`change ${subject.name}: rollback`, async () => {
      await this.#patch(subject, { traffic: [{ revisionName: subject.previous.revision, percent: 100 }] });
      await this.#expect(subject, subject.target, subject.previous.version);
    });
  }

  toLatest(subject: Subject): Promise<void> {
    return this.#timed(`change ${subject.name}: to latest`, async () => {
      await this.#patch(subject, { traffic: LATEST });
      await this.#expect(subject, subject.target, subject.latest.version);
    });
  }

  split(subject: Subject, percent: number): Promise<void> {
    return this.#timed(`change ${subject.name}: split`, async () => {
      const traffic = [
        { revisionName: subject.previous.revision, percent },
        { revisionName: subject.latest.revision, percent: 100 - percent },
      ];
      await this.#patch(subject, { traffic });
    });
  }

  /** An address of its own for the Revision before. */
  tag(subject: Subject, tag: string): Promise<void> {
    return this.#timed(`change ${subject.name}: tag`, async () => {
      await this.#patch(subject, {
        traffic: [...LATEST, { revisionName: subject.previous.revision, percent: 0, tag }],
      });
      const { port, host } = subject.target;
      await this.#expect(subject, { port, host: `${tag}-${host}` }, subject.previous.version);
      await this.#expect(subject, subject.target, subject.latest.version);
    });
  }

  setting(): Promise<void> {
    const turn = this.#turn++;
    const [map, key, first, second] = SETTINGS[turn % SETTINGS.length] ?? ['', '', '', ''];
    const value = Math.floor(turn / SETTINGS.length) % 2 === 0 ? first : second;
    return this.#timed('change a setting', async () => {
      await this.#client.patch(ConfigMap, SERVING_NAMESPACE, map, { data: { [key]: value } });
    });
  }

  /** Resolves when the autoscaler has taken the last pod of the latest Revision; its load must have stopped. */
  async untilZero(subject: Subject, patience: number): Promise<void> {
    const end = performance.now() + patience;
    for (;;) {
      const { status } = await this.#client.get(PodAutoscaler, 'default', subject.latest.revision);
      if (status?.desiredScale === 0 && status.actualScale === 0) return;
      if (performance.now() > end)
        throw new Error(`${subject.latest.revision} is not at zero after ${patience / 1000} s`);
      await new Promise((later) => setTimeout(later, 250));
    }
  }

  async #patch(subject: Subject, spec: object): Promise<Service> {
    const patched = await this.#client.patch(Service, 'default', subject.name, { spec });
    return untilReady(this.#client, Service, patched, 60_000);
  }

  async #expect({ says }: Subject, target: Target, version: string): Promise<void> {
    if (!says) return;
    const told = JSON.parse(await ask(target, { path: '/' })) as Told;
    if (told.version !== version) throw new Error(`${target.host} answers version ${told.version}, not ${version}`);
  }

  async #timed(what: string, change: () => Promise<void>): Promise<void> {
    const began = performance.now();
    try {
      await change();
      this.#tally.done(what, performance.now() - began);
    } catch (error) {
      this.#tally.failed(what, error);
    }
  }
}
