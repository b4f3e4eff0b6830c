/** What a pod may learn of itself: fieldRef and resourceFieldRef. Source: Kubernetes "Downward API". */
import type { Container, Pod } from '../../../api/core.ts';
import { NodeError } from '../errors.ts';
import { parseQuantity } from '../../../kube/quantity.ts';

/** What the agent has decided that the object does not say yet. */
export interface PodFacts {
  readonly podIP: string;
  readonly hostIP: string;
  readonly nodeName: string;
  /** Of the machine, for limits that are not set. */
  readonly cpus: number;
  readonly memory: number;
}

/** @throws NodeError CreateContainerConfigError for a path that does not exist */
export function fieldValue(pod: Pod, path: string, facts: PodFacts): string {
  const { metadata, spec } = pod;
  const subscript = /^metadata\.(annotations|labels)\['([^']+)'\]$/.exec(path);
  if (subscript !== null) return metadata[subscript[1] as 'annotations' | 'labels']?.[subscript[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.annotations':
      return formatMap(metadata.annotations);
    case 'metadata.labels':
      return formatMap(metadata.labels);
    case 'spec.nodeName':
      return facts.nodeName;
    case 'spec.serviceAccountName':
      return spec?.serviceAccountName ?? 'default';
    case 'status.podIP':
    case 'status.podIPs':
      return facts.podIP;
    case 'status.hostIP':
    case 'status.hostIPs':
      return facts.hostIP;
    default:
      throw new NodeError('CreateContainerConfigError', `unsupported fieldPath: ${path}`);
  }
}

/** @throws NodeError CreateContainerConfigError for a resource or divisor that does not exist */
export function resourceValue(
  container: Container,
  resource: string,
  divisor: string | undefined,
  facts: PodFacts,
): string {
  const [kind, name = ''] = splitOnce(resource);
  const { limits = {}, requests = {} } = container.resources ?? {};
  const whole: Readonly<Record<string, number>> = { cpu: facts.cpus, memory: facts.memory };
  const text = kind === 'limits' ? limits[name] : kind === 'requests' ? (requests[name] ?? limits[name]) : undefined;
  const amount = text === undefined ? (kind === 'limits' ? whole[name] : 0) : parseQuantity(text);
  const unit = divisor === undefined || divisor === '0' || divisor === '' ? 1 : parseQuantity(divisor);
  if ((kind !== 'limits' && kind !== 'requests') || amount === undefined || unit === undefined || unit <= 0)
    throw new NodeError('CreateContainerConfigError', `unsupported container resource: ${resource} by ${divisor ?? 1}`);
  return String(Math.ceil(amount / unit - 1e-9));
}

/** One `key="value"` a line, sorted, as the files of downwardAPI volumes have it. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}

function splitOnce(text: string): [string, string | undefined] {
  const dot = text.indexOf('.');
  return dot < 0 ? [text, undefined] : [text.slice(0, dot), text.slice(dot + 1)];
}
