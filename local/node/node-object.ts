/** The Node object that stands for this machine. Written when it differs, not by the clock. */
import { readFileSync } from 'node:fs';
import { arch, cpus, hostname, release, totalmem } from 'node:os';
import { Node } from '../../api/core.ts';
import type { Client } from '../../kube/client.ts';
import { deepEqual } from '../../kube/equal.ts';
import { isAlreadyExists } from '../../kube/errors.ts';
import { timestamp } from '../../kube/timestamp.ts';

export const NODE_NAME = 'zeroth';
export const NODE_ADDRESS = '127.0.0.1';
/** What a local node can hold is bounded by its addresses and memory, not by a number; Kubernetes wants one. */
const MOST_PODS = '4000';

type NodeStatus = NonNullable<Node['status']>;

/** Creates or corrects the object. @param now milliseconds since the epoch */
export async function registerNode(client: Client, now: number, version: string): Promise<void> {
  const wanted = nodeObject(now, version);
  let stored = await client.find(Node, undefined, NODE_NAME);
  if (stored === undefined) {
    try {
      stored = await client.create(Node, wanted);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      stored = await client.get(Node, undefined, NODE_NAME);
    }
  }
  if (!deepEqual(timeless(stored.status), timeless(wanted.status)))
    await client.patch(Node, undefined, NODE_NAME, { status: wanted.status }, { subresource: 'status' });
}

export function nodeObject(now: number, version: string): Node {
  const time = timestamp(now);
  const resources = { cpu: String(cpus().length), memory: `${Math.floor(totalmem() / 1024)}Ki`, pods: MOST_PODS };
  const architecture = { x64: 'amd64', ia32: '386' }[arch()] ?? arch();
  const condition = (type: string, status: string, reason: string, message: string) => ({
    type,
    status,
    reason,
    message,
    lastHeartbeatTime: time,
    lastTransitionTime: time,
  });
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: NODE_NAME,
      labels: {
        'kubernetes.io/hostname': NODE_NAME,
        'kubernetes.io/os': process.platform,
        'kubernetes.io/arch': architecture,
      },
    },
    spec: {},
    status: {
      capacity: resources,
      allocatable: resources,
      addresses: [
        { type: 'InternalIP', address: NODE_ADDRESS },
        { type: 'Hostname', address: hostname() },
      ],
      conditions: [
        condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'the node has sufficient memory available'),
        condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'the node has no disk pressure'),
        condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'the node has sufficient PID available'),
        condition('Ready', 'True', 'KubeletReady', 'the node agent is running'),
      ],
      nodeInfo: {
        machineID: read('/etc/machine-id'),
        systemUUID: '',
        bootID: read('/proc/sys/kernel/random/boot_id'),
        kernelVersion: release(),
        osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(read('/etc/os-release'))?.[1] ?? process.platform,
        containerRuntimeVersion: `zeroth-process://${version}`,
        kubeletVersion: `v${version}`,
        kubeProxyVersion: '',
        operatingSystem: process.platform,
        architecture,
      },
    },
  };
}

function timeless(status: NodeStatus | undefined): unknown {
  const conditions = (status?.conditions ?? []).map(({ type, status: value, reason }) => ({ type, value, reason }));
  const { capacity, allocatable, addresses, nodeInfo } = status ?? {};
  return { capacity, allocatable, addresses, nodeInfo, conditions };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}
