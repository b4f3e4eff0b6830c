/**
 * Binds pods that have no node. Pods of ReplicaSets and Jobs usually never come here: their controllers ask the same
 * `place` before they create one, which saves the binding write of a cold start.
 */
import { Node, Pod } from '../../../api/core.ts';
import { ApiError, asStatus, isNotFound } from '../../../kube/errors.ts';
import { keyOf, splitKey, type Informer } from '../../../kube/informer.ts';
import type { ObjectKey, Reconciler, World } from '../../../kube/reconciler.ts';
import { podCondition } from '../pods.ts';
import { Ledger } from './ledger.ts';
import { placePod, type ClusterState, type Placement } from './placement.ts';
import { timestamp } from '../../../kube/timestamp.ts';

const NAME = 'default-scheduler';

export class Scheduler {
  readonly #nodes: Informer<Node>;
  readonly #ledger: Ledger;
  readonly #waiting = new Set<string>();
  #freed = false;

  constructor(pods: Informer<Pod>, nodes: Informer<Node>) {
    this.#nodes = nodes;
    this.#ledger = new Ledger(pods, () => (this.#freed = true));
    pods.onChange((previous, current) => {
      const pod = current ?? previous;
      const waits = current !== undefined && awaitsNode(current);
      if (pod !== undefined && !waits) this.#waiting.delete(keyOf(pod.metadata.namespace, pod.metadata.name));
    });
  }

  /** The pod with its node, when this scheduler would bind it; unchanged when it must wait or is another one's. */
  place(pod: Pod): Pod {
    if (!awaitsNode(pod)) return pod;
    const placement = this.#decide(pod);
    if (placement.node === undefined) return pod;
    const placed = { ...pod, spec: pod.spec === undefined ? undefined : { ...pod.spec, nodeName: placement.node } };
    this.#ledger.assume(placed, placement.node);
    return placed;
  }

  /** A pod that `place` counted was not created. */
  forget(pod: Pod): void {
    this.#ledger.release(keyOf(pod.metadata.namespace, pod.metadata.name));
  }

  reconciler(): Reconciler<Pod> {
    return {
      name: NAME,
      kind: Pod,
      owns: [],
      watches: [
        { type: Node, keys: () => this.#waitingKeys() },
        { type: Pod, keys: () => this.#keysForFreed() },
      ],
      reconcile: async (pod, world) => {
        if (!awaitsNode(pod)) return;
        const placement = this.#decide(pod);
        const { namespace, name } = pod.metadata;
        const key = keyOf(namespace, name);
        if (placement.node === undefined) {
          this.#waiting.add(key);
          return { status: this.#unschedulable(pod, placement.message, world) };
        }
        this.#ledger.assume(pod, placement.node);
        try {
          await bind(pod, placement.node, world);
        } catch (error) {
          this.#ledger.release(key);
          throw error;
        }
      },
    };
  }

  #decide(pod: Pod): Placement {
    const cluster: ClusterState = {
      nodes: this.#nodes.list(),
      used: (node) => this.#ledger.used(node),
      podsOn: (node) => this.#ledger.podsOn(node),
    };
    return placePod(pod, cluster);
  }

  #unschedulable(pod: Pod, message: string, world: World): NonNullable<Pod['status']> {
    const before = podCondition(pod, 'PodScheduled');
    if (before?.status === 'False' && before.message === message) return pod.status ?? {};
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastTransitionTime: before?.status === 'False' ? before.lastTransitionTime : timestamp(world.clock.now()),
    };
    world.event(pod, 'Warning', 'FailedScheduling', message);
    const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'PodScheduled');
    return { ...pod.status, conditions: [...others, condition] };
  }

  #waitingKeys(): ObjectKey[] {
    return [...this.#waiting].map(splitKey);
  }

  #keysForFreed(): ObjectKey[] {
    if (!this.#freed) return [];
    this.#freed = false;
    return this.#waitingKeys();
  }
}

/** Has no node, wants one, and wants it from this scheduler. */
function awaitsNode(pod: Pod): boolean {
  const { nodeName = '', schedulerName = NAME, schedulingGates = [] } = pod.spec ?? {};
  return (
    nodeName === '' &&
    (schedulerName === NAME || schedulerName === '') &&
    schedulingGates.length === 0 &&
    pod.metadata.deletionTimestamp === undefined
  );
}

async function bind(pod: Pod, node: string, world: World): Promise<void> {
  const { namespace = '', name, uid } = pod.metadata;
  const response = await world.client.transport.request({
    method: 'POST',
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/binding`,
    body: {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: node },
    },
  });
  if (response.status >= 400) {
    const error = new ApiError(asStatus(response.status, response.body));
    if (!isNotFound(error)) throw error;
    return;
  }
  world.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${node}`);
}
