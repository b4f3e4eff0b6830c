/** Defaults of pods and pod templates. Source: the "Defaults to" remarks of Kubernetes' API reference. */
import { at, each, fieldsOf, fill, type Fields } from './fill.ts';

const PROBE = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 };

/** A pod's own defaults, on top of those of every pod spec. */
export function defaultPod(pod: Fields): Fields {
  const withSpec = at(fill(pod, { spec: {} }), 'spec', (spec) => {
    let filled = defaultPodSpec(spec);
    for (const list of ['containers', 'initContainers']) filled = each(filled, list, defaultRequests);
    const account = typeof filled.serviceAccountName === 'string' ? filled.serviceAccountName : 'default';
    return fill(filled, {
      enableServiceLinks: true,
      preemptionPolicy: 'PreemptLowerPriority',
      priority: 0,
      serviceAccountName: account,
      serviceAccount: account,
    });
  });
  return fill(withSpec, { status: { phase: 'Pending', qosClass: qosClass(fieldsOf(withSpec.spec) ?? {}) } });
}

/** `spec.template` of a workload. */
export function defaultTemplate(template: Fields): Fields {
  return at(fill(template, { metadata: {}, spec: {} }), 'spec', defaultPodSpec);
}

export function defaultPodSpec(spec: Fields): Fields {
  let filled = fill(spec, {
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
  });
  for (const list of ['containers', 'initContainers', 'ephemeralContainers'])
    filled = each(filled, list, (container) => defaultContainer(container, filled.hostNetwork === true));
  return each(filled, 'volumes', defaultVolume);
}

function defaultContainer(container: Fields, hostNetwork: boolean): Fields {
  let filled = fill(container, {
    imagePullPolicy: pullPolicy(container.image),
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    resources: {},
  });
  filled = each(filled, 'ports', (port) =>
    fill(port, { protocol: 'TCP', ...(hostNetwork ? { hostPort: port.containerPort } : {}) }),
  );
  for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe']) filled = at(filled, probe, defaultProbe);
  filled = at(filled, 'lifecycle', (lifecycle) =>
    at(at(lifecycle, 'preStop', defaultHandler), 'postStart', defaultHandler),
  );
  return each(filled, 'env', (variable) => at(variable, 'valueFrom', defaultFieldRef));
}

function defaultProbe(probe: Fields): Fields {
  return at(fill(defaultHandler(probe), PROBE), 'grpc', (grpc) => fill(grpc, { service: '' }));
}

function defaultHandler(handler: Fields): Fields {
  return at(handler, 'httpGet', (get) => ({
    ...fill(get, { scheme: 'HTTP' }),
    path: get.path === undefined || get.path === '' ? '/' : get.path,
  }));
}

function defaultFieldRef(source: Fields): Fields {
  return at(source, 'fieldRef', (reference) => fill(reference, { apiVersion: 'v1' }));
}

function defaultVolume(volume: Fields): Fields {
  // A volume that names no source is an empty directory.
  let filled = Object.keys(volume).length === 1 && volume.name !== undefined ? { ...volume, emptyDir: {} } : volume;
  for (const source of ['secret', 'configMap', 'downwardAPI', 'projected'])
    filled = at(filled, source, (value) => fill(value, { defaultMode: 0o644 }));
  filled = at(filled, 'downwardAPI', (value) => each(value, 'items', defaultFieldRef));
  filled = at(filled, 'hostPath', (value) => fill(value, { type: '' }));
  return at(filled, 'projected', (value) =>
    each(value, 'sources', (source) =>
      at(
        at(source, 'serviceAccountToken', (token) => fill(token, { expirationSeconds: 3600 })),
        'downwardAPI',
        (items) => each(items, 'items', defaultFieldRef),
      ),
    ),
  );
}

/** Requests that are not given are the limits. */
function defaultRequests(container: Fields): Fields {
  return at(container, 'resources', (resources) => {
    const limits = fieldsOf(resources.limits);
    if (limits === undefined) return resources;
    const requests = fieldsOf(resources.requests) ?? {};
    const filled = fill(requests, limits);
    return filled === requests ? resources : { ...resources, requests: filled };
  });
}

/** An image without tag, or with the tag `latest`, is pulled always. */
function pullPolicy(image: unknown): string {
  if (typeof image !== 'string' || image.includes('@')) return 'IfNotPresent';
  const name = image.slice(image.lastIndexOf('/') + 1);
  const colon = name.lastIndexOf(':');
  return colon < 0 || name.slice(colon + 1) === 'latest' ? 'Always' : 'IfNotPresent';
}

/** Source: "Pod Quality of Service Classes" in the Kubernetes docs. */
function qosClass(spec: Fields): string {
  const containers = [spec.containers, spec.initContainers].flatMap((list) =>
    Array.isArray(list) ? (list as unknown[]) : [],
  );
  let any = false;
  let guaranteed = containers.length > 0;
  for (const container of containers) {
    const resources = fieldsOf(fieldsOf(container)?.resources) ?? {};
    const [requests, limits] = [fieldsOf(resources.requests) ?? {}, fieldsOf(resources.limits) ?? {}];
    for (const name of ['cpu', 'memory']) {
      if (requests[name] !== undefined || limits[name] !== undefined) any = true;
      if (limits[name] === undefined || (requests[name] ?? limits[name]) !== limits[name]) guaranteed = false;
    }
  }
  if (!any) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
