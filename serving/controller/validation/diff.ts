/**
 * What changed between two versions of a spec, a line a field, in the notation that Knative's webhook prints: Go field
 * names under the Go type, `-` the old value, `+` the new one.
 */
import { deepEqual } from '../../../kube/equal.ts';
import { isRecord } from '../config/parse.ts';
import { isGiven, isPointer } from './fields.ts';
import { meaning } from './semantic.ts';

const REVISION_FIELDS = ['containerConcurrency', 'timeoutSeconds', 'responseStartTimeoutSeconds', 'idleTimeoutSeconds'];
const MAPS = ['labels', 'annotations', 'limits', 'requests', 'nodeSelector', 'matchLabels'];
/** Parts that Go always has, if empty. */
const STRUCTS = ['resources'];
const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'];
const HANDLERS = ['httpGet', 'tcpSocket', 'exec', 'grpc'];
const INITIALISMS: Readonly<Record<string, string>> = {
  httpGet: 'HTTPGet',
  tcpSocket: 'TCPSocket',
  grpc: 'GRPC',
  httpHeaders: 'HTTPHeaders',
  tty: 'TTY',
  dnsPolicy: 'DNSPolicy',
  dnsConfig: 'DNSConfig',
  csi: 'CSI',
};

/** @returns empty text when nothing differs */
export function diffRevisionSpec(before: unknown, after: unknown): string {
  return diffSpec('{v1.RevisionSpec}', before, after);
}

const specIn = (template: unknown): unknown => (isRecord(template) ? template['spec'] : undefined);

export function diffTemplate(before: unknown, after: unknown): string {
  const root = '{*v1.RevisionTemplateSpec}';
  const part = (value: unknown, key: string) => (isRecord(value) ? meaning(value[key]) : undefined);
  return (
    diff(`${root}.ObjectMeta`, 'metadata', part(before, 'metadata') ?? {}, part(after, 'metadata') ?? {}) +
    diffSpec(`${root}.Spec`, specIn(before), specIn(after))
  );
}

function diffSpec(root: string, before: unknown, after: unknown): string {
  return entries(specOf(before), specOf(after))
    .map(([key, was, is]) => {
      const own = REVISION_FIELDS.includes(key);
      return diff(`${root}${own ? '' : '.PodSpec'}.${goName(key)}`, key, was, is, own || isPointer(key));
    })
    .join('');
}

/** What the spec says; of its own numbers a zero says something too. */
function specOf(spec: unknown): unknown {
  if (!isRecord(spec)) return spec;
  const own = Object.entries(spec).filter(([key, value]) => REVISION_FIELDS.includes(key) && isGiven(value));
  return { ...(meaning(spec) as object), ...Object.fromEntries(own) };
}

function diff(path: string, key: string, before: unknown, after: unknown, pointer = isPointer(key)): string {
  if (deepEqual(before, after)) return '';
  if (Array.isArray(before) && Array.isArray(after)) {
    const [old, now] = [before as unknown[], after as unknown[]];
    return Array.from({ length: Math.max(old.length, now.length) }, (_, i) => {
      const index = i >= old.length ? `[?->${i}]` : i >= now.length ? `[${i}->?]` : `[${i}]`;
      return diff(path + index, key, old[i], now[i], false);
    }).join('');
  }
  const struct = STRUCTS.includes(key) && (before === undefined || after === undefined);
  if ((isRecord(before) && isRecord(after)) || struct)
    return entries(before, after)
      .map(([child, was, is]) => diff(path + step(key, child), child, was, is))
      .join('');
  const star = pointer && before !== undefined && after !== undefined ? '*' : '';
  const nothing = pointer ? '<nil>' : zeroOf(before ?? after);
  return `${star}${path}:\n${line('-', before ?? nothing)}${line('+', after ?? nothing)}`;
}

/** What Go prints where a plain field says nothing; parts that are absent as a whole are not printed. */
function zeroOf(other: unknown): unknown {
  if (typeof other === 'string') return '';
  if (typeof other === 'number') return 0;
  return typeof other === 'boolean' ? false : undefined;
}

function step(parent: string, child: string): string {
  if (MAPS.includes(parent)) return `[${JSON.stringify(child)}]`;
  const source = parent === 'volumes' && child !== 'name' ? '.VolumeSource' : '';
  const handler = PROBES.includes(parent) && HANDLERS.includes(child) ? '.ProbeHandler' : '';
  return `${source}${handler}.${goName(child)}`;
}

function entries(before: unknown, after: unknown): [string, unknown, unknown][] {
  const [old, now] = [isRecord(before) ? before : {}, isRecord(after) ? after : {}];
  return [...new Set([...Object.keys(old), ...Object.keys(now)])].sort().map((key) => [key, old[key], now[key]]);
}

function line(sign: '-' | '+', value: unknown): string {
  if (value === undefined) return '';
  return `\t${sign}: "${typeof value === 'object' ? JSON.stringify(value) : String(value)}"\n`;
}

function goName(key: string): string {
  return INITIALISMS[key] ?? key.charAt(0).toUpperCase() + key.slice(1);
}
