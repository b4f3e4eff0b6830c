/** From a Route's traffic to Revisions: who gets what share, under which tag. Pure. Source: reference section 2.5. */
import type { Configuration } from '../../../api/serving/configuration.ts';
import type { Revision } from '../../../api/serving/revision.ts';
import type { Route, TrafficTarget } from '../../../api/serving/route.ts';
import { conditionOf, isReady } from '../../../kube/conditions.ts';
import { CONFIGURATION_LABEL, SERVICE_LABEL } from '../keys.ts';
import { NOT_YET_READY, notYetReady } from '../revision/health.ts';
import { protocolOf } from '../revision/resources/port.ts';
import { DEFAULT_TARGET } from './domains.ts';

/** A traffic target resolved to one Revision. */
export interface RevisionTarget {
  readonly tag: string;
  readonly revisionName: string;
  /** Of the Configuration that the Revision stems from. */
  readonly configurationName: string | undefined;
  readonly latestRevision: boolean;
  readonly percent: number;
  readonly protocol: 'http1' | 'h2c';
}

export interface TrafficPlan {
  /** By tag; all targets together under `''`. Each group adds up to 100. */
  readonly groups: ReadonlyMap<string, readonly RevisionTarget[]>;
  /** One a spec entry, same tag and Revision merged: the entries of `status.traffic`. */
  readonly entries: readonly RevisionTarget[];
}

export interface BadTarget {
  readonly status: 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

export interface TrafficSources {
  configuration(name: string): Configuration | undefined;
  revision(name: string): Revision | undefined;
}

export function planTraffic(route: Route, sources: TrafficSources): TrafficPlan | BadTarget {
  const all: RevisionTarget[] = [];
  let bad: BadTarget | undefined;
  for (const target of route.spec.traffic ?? []) {
    const found = resolve(target, route, sources);
    if ('reason' in found) {
      // What will never work says more than what does not work yet.
      if (bad === undefined || found.status === 'False') bad = found;
    } else all.push(found);
  }
  if (bad !== undefined) return bad;
  const groups = new Map<string, readonly RevisionTarget[]>([[DEFAULT_TARGET, consolidate(all)]]);
  for (const { tag } of all)
    if (tag !== DEFAULT_TARGET) groups.set(tag, consolidate(all.filter((target) => target.tag === tag)));
  return { groups, entries: merge(all, (a, b) => a.tag === b.tag && a.latestRevision === b.latestRevision) };
}

function resolve(target: TrafficTarget, route: Route, sources: TrafficSources): RevisionTarget | BadTarget {
  const given = target.revisionName ?? '';
  return given === ''
    ? resolveLatest(target, target.configurationName ?? '', sources)
    : resolveNamed(target, given, route, sources);
}

function resolveLatest(target: TrafficTarget, name: string, sources: TrafficSources): RevisionTarget | BadTarget {
  const configuration = sources.configuration(name);
  if (configuration === undefined) return missingConfiguration(name);
  const latest = configuration.status?.latestReadyRevisionName ?? '';
  if (latest === '') {
    const ready = conditionOf(configuration.status, 'Ready');
    return ready?.status === 'False'
      ? {
          status: 'False',
          reason: 'RevisionMissing',
          message: joined(`Configuration "${name}" does not have any ready Revision.`, ready.message),
        }
      : {
          status: 'Unknown',
          reason: 'RevisionMissing',
          message: joined(
            `Configuration "${name}" is waiting for a Revision to become ready.`,
            heldUpBy(ready?.message),
          ),
        };
  }
  const revision = sources.revision(latest);
  if (revision === undefined) return missingRevision(latest);
  if (!isReady(revision)) return unready(revision);
  return toTarget(target, revision, name);
}

function resolveNamed(
  target: TrafficTarget,
  name: string,
  route: Route,
  sources: TrafficSources,
): RevisionTarget | BadTarget {
  const revision = sources.revision(name);
  if (revision === undefined) return missingRevision(name);
  const service = route.metadata.labels?.[SERVICE_LABEL] ?? '';
  const owner = revision.metadata.labels?.[SERVICE_LABEL] ?? '';
  if (service !== '' && service !== owner) {
    const message =
      owner === ''
        ? `Revision "${name}" does not belong to Service "${service}".`
        : `Revision "${name}" belongs to Service "${owner}", not Service "${service}".`;
    return { status: 'False', reason: 'RevisionNotOwned', message };
  }
  if (!isReady(revision)) return unready(revision);
  const configurationName = revision.metadata.labels?.[CONFIGURATION_LABEL];
  if (configurationName !== undefined && sources.configuration(configurationName) === undefined)
    return missingConfiguration(configurationName);
  return toTarget(target, revision, configurationName);
}

function toTarget(target: TrafficTarget, revision: Revision, configurationName: string | undefined): RevisionTarget {
  return {
    tag: target.tag ?? DEFAULT_TARGET,
    revisionName: revision.metadata.name,
    configurationName,
    latestRevision: target.latestRevision ?? false,
    percent: target.percent ?? 0,
    protocol: protocolOf(revision),
  };
}

/** One target a Revision; a lone one takes everything. */
function consolidate(targets: readonly RevisionTarget[]): readonly RevisionTarget[] {
  const merged = merge(targets, () => true);
  return merged.length === 1 ? merged.map((target) => ({ ...target, percent: 100 })) : merged;
}

function merge(
  targets: readonly RevisionTarget[],
  alike: (a: RevisionTarget, b: RevisionTarget) => boolean,
): RevisionTarget[] {
  const merged: RevisionTarget[] = [];
  for (const target of targets) {
    const at = merged.findIndex((other) => other.revisionName === target.revisionName && alike(other, target));
    const other = merged[at];
    if (other === undefined) merged.push(target);
    else merged[at] = { ...other, percent: other.percent + target.percent };
  }
  return merged;
}

function missingConfiguration(name: string): BadTarget {
  return { status: 'False', reason: 'ConfigurationMissing', message: notFound('Configuration', name) };
}

function missingRevision(name: string): BadTarget {
  return { status: 'False', reason: 'RevisionMissing', message: notFound('Revision', name) };
}

function notFound(kind: string, name: string): string {
  const list = `kubectl get ${kind.toLowerCase()}s.serving.knative.dev`;
  return `${kind} "${name}" referenced in traffic not found. Create it, or name one that "${list}" lists.`;
}

function unready(revision: Revision): BadTarget {
  const { name } = revision.metadata;
  const ready = conditionOf(revision.status, 'Ready');
  return ready?.status === 'False'
    ? {
        status: 'False',
        reason: 'RevisionMissing',
        message: joined(`Revision "${name}" failed to become ready.`, ready.message),
      }
    : { status: 'Unknown', reason: 'RevisionMissing', message: notYetReady(revision) };
}

/** What the Configuration says beyond that its Revision is not ready. */
function heldUpBy(message: string | undefined): string | undefined {
  return message?.endsWith(NOT_YET_READY) === true ? undefined : message;
}

/** What does not work, and why as far as that is known. */
function joined(what: string, why: string | undefined): string {
  return (why ?? '') === '' ? what : `${what} ${why ?? ''}`;
}
