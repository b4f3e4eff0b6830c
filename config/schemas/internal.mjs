// The kinds that pass between the parts: autoscaling, networking and caching .internal.knative.dev.
import { status } from './duck.mjs';
import { ATOMIC, boolean, int32, int64, intOrString, list, map, object, string, strings } from './types.mjs';

const READY = [
  { name: 'Ready', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].status" },
  { name: 'Reason', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].reason" },
];
const column = (name, jsonPath, type = 'string') => ({ name, type, jsonPath });

const autoscaling = {
  group: 'autoscaling.internal.knative.dev',
  version: 'v1alpha1',
  categories: ['knative-internal', 'autoscaling'],
};
const networking = {
  group: 'networking.internal.knative.dev',
  version: 'v1alpha1',
  categories: ['knative-internal', 'networking'],
  labels: { 'app.kubernetes.io/component': 'networking' },
};

const target = (description, more = {}) =>
  object(
    description,
    { apiVersion: string('Its API version.'), kind: string('Its kind.'), name: string('Its name.'), ...more },
    ATOMIC,
  );
/** Validation refuses them, rather than that they disappear. */
const refused = {
  fieldPath: string('Not allowed here.'),
  namespace: string('Not allowed here: it is the namespace of this object.'),
  resourceVersion: string('Not allowed here.'),
  uid: string('Not allowed here.'),
};
const protocolType = string('What the pods speak: http1 or h2c.', { enum: ['http1', 'h2c'] });
const loadBalancer = (description) =>
  object(description, {
    ingress: list(
      'The points where traffic enters.',
      object('One entry point.', {
        domain: string('A DNS name.'),
        domainInternal: string('A DNS name inside the cluster.'),
        ip: string('An address.'),
        meshOnly: boolean('Reachable through a service mesh only.'),
      }),
    ),
  });

export const internal = [
  {
    ...autoscaling,
    kind: 'PodAutoscaler',
    plural: 'podautoscalers',
    shortNames: ['kpa', 'pa'],
    columns: [
      column('DesiredScale', '.status.desiredScale', 'integer'),
      column('ActualScale', '.status.actualScale', 'integer'),
      ...READY,
    ],
    description: 'A PodAutoscaler asks the autoscaler to keep the pods of one Revision in step with its load.',
    spec: object('What is scaled, and by which limits.', {
      containerConcurrency: int64('How many requests a pod takes at a time; 0 for no limit.', { minimum: 0 }),
      'protocolType!': protocolType,
      reachability: string('Whether a Route sends requests here; empty while that is not known.', {
        enum: ['', 'Reachable', 'Unreachable'],
      }),
      'scaleTargetRef!': target('The object whose scale is written.'),
    }),
    status: status({
      actualScale: int32('How many pods are ready.'),
      desiredScale: int32('How many pods are wanted; -1 while there is no opinion.'),
      metricsServiceName: string('The Kubernetes Service that selects the pods.'),
      serviceName: string('The Kubernetes Service that takes the requests of this Revision.'),
    }),
  },
  {
    ...autoscaling,
    kind: 'Metric',
    plural: 'metrics',
    columns: READY,
    description: 'A Metric asks for the load of one Revision to be averaged over two windows.',
    spec: object('What is measured, and how.', {
      'panicWindow!': int64('The short window, in nanoseconds.'),
      'scrapeTarget!': string('The Kubernetes Service of pods to ask; empty when the activator counts for them.'),
      'stableWindow!': int64('The long window, in nanoseconds.'),
    }),
    status: status(),
  },
  {
    ...networking,
    kind: 'Ingress',
    plural: 'ingresses',
    shortNames: ['kingress', 'king'],
    columns: READY,
    description: 'An Ingress tells the gateway which hosts and paths lead to which Revisions.',
    spec: object('The rules.', {
      httpOption: string('What happens to plain HTTP: Enabled serves it, Redirected sends it to HTTPS.', {
        enum: ['', 'Enabled', 'Redirected'],
      }),
      rules: list(
        'One rule for each set of hosts.',
        object('One rule.', {
          hosts: strings('Host names, without wildcards.'),
          http: object('What happens to HTTP requests.', {
            'paths!': list(
              'The paths; the longest that matches wins.',
              object('One path.', {
                appendHeaders: map('Headers to set on the request.'),
                headers: map(
                  'Headers the request must have for this path.',
                  object('A condition on a header.', { 'exact!': string('Its exact value.') }),
                ),
                path: string('A path prefix; all paths when empty.'),
                rewriteHost: string('The host name to put in place of that of the request.'),
                'splits!': list(
                  'Who gets which share of the requests.',
                  object('One share.', {
                    appendHeaders: map('Headers to set on the request.'),
                    percent: int32('The share, 0 to 100.'),
                    'serviceName!': string('The Kubernetes Service, named like the Revision.'),
                    'serviceNamespace!': string('Its namespace.'),
                    'servicePort!': intOrString('Its port.'),
                  }),
                ),
              }),
            ),
          }),
          visibility: string('Who may use the rule: ExternalIP (everyone) or ClusterLocal.', {
            enum: ['', 'ExternalIP', 'ClusterLocal'],
          }),
        }),
      ),
      tls: list(
        'Certificates by host.',
        object('One certificate.', {
          hosts: strings('The hosts it is for.'),
          secretName: string('The Secret that holds it.'),
          secretNamespace: string('The namespace of the Secret.'),
        }),
      ),
    }),
    status: status({
      privateLoadBalancer: loadBalancer('Where traffic from inside the cluster enters.'),
      publicLoadBalancer: loadBalancer('Where traffic from outside enters.'),
    }),
  },
  {
    ...networking,
    kind: 'ServerlessService',
    plural: 'serverlessservices',
    shortNames: ['sks'],
    columns: [
      column('Mode', '.spec.mode'),
      column('Activators', '.spec.numActivators', 'integer'),
      column('ServiceName', '.status.serviceName'),
      column('PrivateServiceName', '.status.privateServiceName'),
      ...READY,
    ],
    description:
      'A ServerlessService keeps the Kubernetes Services of one Revision and says whether requests go to its pods or to the activator.',
    spec: object('What is served, and how.', {
      'mode!': string('Serve sends requests to the pods, Proxy to the activator.', { enum: ['Serve', 'Proxy'] }),
      numActivators: int32('How many activators serve the Revision; 0 for all.', { minimum: 0 }),
      'objectRef!': target('The object whose pods are meant.', refused),
      'protocolType!': protocolType,
    }),
    status: status({
      privateServiceName: string('The Kubernetes Service that selects the pods.'),
      serviceName: string('The Kubernetes Service that takes the requests.'),
    }),
  },
  {
    ...networking,
    kind: 'Certificate',
    plural: 'certificates',
    shortNames: ['kcert'],
    columns: READY,
    description: 'A Certificate asks for a TLS certificate in a Secret.',
    spec: object('What the certificate is for.', {
      'dnsNames!': strings('The names in the certificate.'),
      domain: string('The domain that the names are under.'),
      'secretName!': string('The Secret to write.'),
    }),
    status: status({
      http01Challenges: list(
        'Challenges that the gateway must answer.',
        object('One challenge.', {
          serviceName: string('The Kubernetes Service that answers.'),
          serviceNamespace: string('Its namespace.'),
          servicePort: intOrString('Its port.'),
          url: string('The URL that is asked.'),
        }),
      ),
      notAfter: string('When the certificate expires.', { format: 'date-time' }),
    }),
  },
  {
    ...networking,
    kind: 'ClusterDomainClaim',
    plural: 'clusterdomainclaims',
    shortNames: ['cdc'],
    scope: 'Cluster',
    columns: [],
    description: 'A ClusterDomainClaim, named after a domain, says which namespace may map it.',
    spec: object('Who may map the domain.', { 'namespace!': string('The namespace.') }),
  },
  {
    group: 'caching.internal.knative.dev',
    version: 'v1alpha1',
    categories: ['knative-internal', 'caching'],
    kind: 'Image',
    plural: 'images',
    columns: [column('Image', '.spec.image')],
    description: 'An Image asks the nodes to keep an image at hand.',
    spec: object('Which image.', {
      'image!': string('The image, with its digest.'),
      imagePullSecrets: list(
        'Secrets for pulling it.',
        object('One Secret.', { name: string('The name of the Secret.', { default: '' }) }, ATOMIC),
      ),
      serviceAccountName: string('The service account whose pull secrets are used.'),
    }),
    status: status(),
  },
];
