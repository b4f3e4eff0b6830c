/**
 * What a Revision's spec gets where its author said nothing. Objects come here before their schema is checked: what
 * has the wrong shape is left for the schema to refuse. Source: reference section 1.8.
 */
import type { Container, PodSpec } from '../../../api/core.ts';
import type { ObjectMeta } from '../../../api/object.ts';
import type { Revision, RevisionSpec } from '../../../api/serving/revision.ts';
import { childName } from '../../../kube/names.ts';
import { templateData, type DefaultsConfig } from '../config/defaults.ts';
import type { Template } from '../config/template.ts';
import { locksPods, type ServingContext } from '../validation/context.ts';
import { isGiven, isObject, listOf } from '../validation/fields.ts';
import { isWritable } from '../validation/volume.ts';

type Probe = NonNullable<Container['readinessProbe']>;
type Security = NonNullable<Container['securityContext']>;

/** Immutable once made: only a new one is defaulted. It has no parent to take names of containers from. */
export function defaultRevision(revision: Revision, old: Revision | undefined, context: ServingContext): Revision {
  if (old !== undefined || !isObject(revision.spec)) return revision;
  return { ...revision, spec: defaultRevisionSpec(revision.spec, {}, true, context) };
}

/** @param parent metadata that container names may be made from @param create the object is new */
export function defaultRevisionSpec(
  spec: RevisionSpec,
  parent: Partial<ObjectMeta>,
  create: boolean,
  context: ServingContext,
): RevisionSpec {
  const { defaults } = context;
  const next: RevisionSpec = { ...spec };
  const timeout =
    typeof spec.timeoutSeconds === 'number' && spec.timeoutSeconds !== 0 ? spec.timeoutSeconds : undefined;
  next.timeoutSeconds = timeout ?? defaults.revisionTimeout;
  const shorter = (seconds: number) => seconds !== 0 && seconds < (next.timeoutSeconds ?? 0);
  if (spec.idleTimeoutSeconds === undefined && shorter(defaults.revisionIdleTimeout))
    next.idleTimeoutSeconds = defaults.revisionIdleTimeout;
  if (spec.responseStartTimeoutSeconds === undefined && shorter(defaults.revisionResponseStartTimeout))
    next.responseStartTimeoutSeconds = defaults.revisionResponseStartTimeout;
  next.containerConcurrency = spec.containerConcurrency ?? defaults.containerConcurrency;

  const containers = containersOf(spec.containers);
  if (create && containers.length > 0 && !isGiven(spec.enableServiceLinks) && defaults.enableServiceLinks !== undefined)
    next.enableServiceLinks = defaults.enableServiceLinks;
  const initContainers = containersOf(spec.initContainers);
  const taken = new Set([...containers, ...initContainers].map(({ name }) => (isGiven(name) ? name : '')));
  if (containers.length > 0)
    next.containers = named(containers, defaults.containerName, taken, parent).map((container) =>
      secured(defaultContainer(container, containers.length === 1, spec, defaults), spec, context),
    );
  if (initContainers.length > 0)
    next.initContainers = named(initContainers, defaults.initContainerName, taken, parent).map((container) =>
      secured(container, spec, context),
    );
  return next;
}

function defaultContainer(
  container: Container,
  alone: boolean,
  spec: RevisionSpec,
  defaults: DefaultsConfig,
): Container {
  const next: Container = { ...container, resources: resourcesOf(container, defaults) };
  const serving = alone || listOf(container.ports).length > 0;
  const readiness = readinessOf(container.readinessProbe, serving);
  if (readiness !== undefined) next.readinessProbe = readiness;
  for (const probe of ['readinessProbe', 'livenessProbe', 'startupProbe'] as const) {
    const grpc = next[probe]?.grpc;
    if (grpc !== undefined && grpc.service === undefined)
      next[probe] = { ...next[probe], grpc: { ...grpc, service: '' } };
  }
  const mounts = listOf(container.volumeMounts);
  if (mounts.length > 0) {
    const writable = listOf(spec.volumes)
      .filter(isWritable)
      .map((volume) => volume.name);
    next.volumeMounts = mounts.map((mount) => (writable.includes(mount.name) ? mount : { ...mount, readOnly: true }));
  }
  return next;
}

function resourcesOf({ resources }: Container, { requests, limits }: DefaultsConfig): Container['resources'] {
  const next = { ...resources };
  if (Object.keys(requests).length > 0) next.requests = { ...requests, ...resources?.requests };
  if (Object.keys(limits).length > 0) next.limits = { ...limits, ...resources?.limits };
  return next;
}

/** The serving container is probed by TCP unless said otherwise; port 0 is the port that requests go to. */
function readinessOf(given: Probe | undefined, serving: boolean): Probe | undefined {
  if (!serving && !isObject(given)) return undefined;
  const probe: Probe = { ...given };
  const { httpGet, tcpSocket, exec, grpc } = probe;
  if (serving && httpGet === undefined && tcpSocket === undefined && exec === undefined && grpc === undefined)
    probe.tcpSocket = { port: 0 };
  probe.successThreshold = probe.successThreshold || 1;
  if ((probe.periodSeconds ?? 0) !== 0) {
    probe.failureThreshold = probe.failureThreshold || 3;
    probe.timeoutSeconds = probe.timeoutSeconds || 1;
  }
  return probe;
}

/** Names for those without: the template's, numbered where it would be taken or there are several. */
function named(
  containers: readonly Container[],
  template: Template,
  taken: Set<string>,
  parent: Partial<ObjectMeta>,
): Container[] {
  const base = template.render(templateData(parent));
  const fits = containers.length === 1 && !taken.has(base);
  let next = 0;
  return containers.map((container) => {
    if ((container.name ?? '') !== '') return container;
    let name = base;
    if (!fits) {
      do name = childName(base, `-${next++}`);
      while (taken.has(name));
    }
    return { ...container, name };
  });
}

/** secure-pod-defaults: what the `restricted` pod security standard asks for, where nothing is said. */
function secured(container: Container, { securityContext: pod }: PodSpec, context: ServingContext): Container {
  if (!locksPods(context)) return container;
  const security: Security = { ...container.securityContext };
  security.allowPrivilegeEscalation ??= false;
  if ((pod?.seccompProfile?.type ?? '') === '' && (security.seccompProfile?.type ?? '') === '')
    security.seccompProfile = { ...security.seccompProfile, type: 'RuntimeDefault' };
  if (security.capabilities === undefined) {
    const low = listOf(container.ports).some((port) => (port.containerPort ?? 0) < 1024);
    security.capabilities = { drop: ['ALL'], ...(low ? { add: ['NET_BIND_SERVICE'] } : {}) };
  }
  if (context.features.securePodDefaults === 'Enabled' && pod?.runAsNonRoot === undefined)
    security.runAsNonRoot ??= true;
  return { ...container, securityContext: security };
}

function containersOf(value: readonly Container[] | undefined): readonly Container[] {
  const list = listOf(value);
  return list.every((container) => isObject(container)) ? list : [];
}
