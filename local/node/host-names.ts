/** Keeps the shared part of the pods' hosts files in step with Services and Routes. */
import { readFileSync } from 'node:fs';
import { Service, type Pod } from '../../api/core.ts';
import { Route } from '../../api/serving/route.ts';
import type { InstanceNetwork } from '../../api/zeroth.ts';
import type { Clock } from '../../kube/clock.ts';
import type { Informers } from '../../kube/informers.ts';
import type { Lister } from '../../kube/informer.ts';
import { machineHosts, namespaceHosts, podHosts } from './hosts.ts';

/** Changes come in flocks: one write for all of them. */
const SETTLE = 5;

export class HostNames {
  readonly #services: Lister<Service>;
  readonly #routes: Lister<Route>;
  readonly #network: InstanceNetwork;
  readonly #clock: Clock;
  readonly #machine: string;
  readonly #shared = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  #cancel: (() => void) | undefined;

  constructor(informers: Informers, network: InstanceNetwork, clock: Clock) {
    this.#network = network;
    this.#clock = clock;
    this.#machine = machineHosts(readMachineHosts());
    const services = informers.of(Service);
    const routes = informers.of(Route);
    this.#services = services;
    this.#routes = routes;
    services.onChange((previous, current) => {
      if (namesOf(previous) !== namesOf(current)) this.#changed();
    });
    routes.onChange((previous, current) => {
      if (urlsOf(previous) !== urlsOf(current)) this.#changed();
    });
  }

  textFor(pod: Pod, podIP: string, hostname: string): string {
    const namespace = pod.metadata.namespace ?? '';
    let shared = this.#shared.get(namespace);
    if (shared === undefined) {
      shared = namespaceHosts(namespace, this.#services.list(), this.#routes.list(), this.#network);
      this.#shared.set(namespace, shared);
    }
    return podHosts(pod, podIP, hostname, shared, this.#machine);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(): void {
    this.#cancel?.();
    this.#listeners.clear();
  }

  #changed(): void {
    this.#shared.clear();
    this.#cancel ??= this.#clock.after(SETTLE, () => {
      this.#cancel = undefined;
      for (const listener of this.#listeners) listener();
    });
  }
}

function namesOf(service: Service | undefined): string {
  if (service === undefined) return '';
  const { type, clusterIP, externalName } = service.spec ?? {};
  return JSON.stringify([type, clusterIP, externalName, service.metadata.labels]);
}

function urlsOf(route: Route | undefined): string {
  return JSON.stringify([route?.status?.url, route?.status?.traffic?.map((target) => target.url)]);
}

function readMachineHosts(): string {
  try {
    return readFileSync('/etc/hosts', 'utf8');
  } catch {
    return '';
  }
}
