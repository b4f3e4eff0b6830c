// serving.knative.dev: what users write.
import { addressable, reference, status, traffic } from './duck.mjs';
import { revisionSpec, revisionTemplate } from './pod.mjs';
import { int32, list, object, string } from './types.mjs';

const GROUP = 'serving.knative.dev';
const CATEGORIES = ['all', 'knative', 'serving'];
const ADDRESSABLE = { 'duck.knative.dev/addressable': 'true' };
const PODSPECABLE = { 'duck.knative.dev/podspecable': 'true' };
const READY = [
  { name: 'Ready', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].status" },
  { name: 'Reason', type: 'string', jsonPath: ".status.conditions[?(@.type=='Ready')].reason" },
];
const column = (name, jsonPath, type = 'string') => ({ name, type, jsonPath });
const label = (name) => `.metadata.labels['serving\\.knative\\.dev/${name}']`;

const configurationStatus = {
  latestCreatedRevisionName: string('The Revision last made from the template.'),
  latestReadyRevisionName: string('The newest Revision that has become ready.'),
};
const routeStatus = {
  address: addressable('Where the Route is reached from inside the cluster.'),
  traffic: traffic('The traffic as it flows now; every entry names a Revision.'),
  url: string('Where the Route is reached.'),
};
const containerStatuses = (description) =>
  list(
    description,
    object('One container.', {
      imageDigest: string('The image with its digest.'),
      name: string('The name of the container.'),
    }),
  );

export const serving = [
  {
    group: GROUP,
    version: 'v1',
    kind: 'Service',
    plural: 'services',
    shortNames: ['kservice', 'ksvc'],
    categories: CATEGORIES,
    labels: { ...ADDRESSABLE, ...PODSPECABLE },
    columns: [
      column('URL', '.status.url'),
      column('LatestCreated', '.status.latestCreatedRevisionName'),
      column('LatestReady', '.status.latestReadyRevisionName'),
      ...READY,
    ],
    description:
      'A Service is a program with a URL: it keeps a Configuration (what runs) and a Route (who gets which share of the requests) under one name.',
    spec: object('What should run and where requests go.', {
      template: revisionTemplate,
      traffic: traffic('Who gets which share of the requests; all to the latest Revision when left out.'),
    }),
    status: status({ ...configurationStatus, ...routeStatus }),
  },
  {
    group: GROUP,
    version: 'v1',
    kind: 'Configuration',
    plural: 'configurations',
    shortNames: ['config', 'cfg'],
    categories: CATEGORIES,
    labels: PODSPECABLE,
    columns: [
      column('LatestCreated', '.status.latestCreatedRevisionName'),
      column('LatestReady', '.status.latestReadyRevisionName'),
      ...READY,
    ],
    description: 'A Configuration is the wanted state of a program; every change of it makes a new Revision.',
    spec: object('What should run.', { template: revisionTemplate }),
    status: status(configurationStatus),
  },
  {
    group: GROUP,
    version: 'v1',
    kind: 'Revision',
    plural: 'revisions',
    shortNames: ['rev'],
    categories: CATEGORIES,
    columns: [
      column('Config Name', label('configuration')),
      column('Generation', label('configurationGeneration')),
      ...READY,
      column('Actual Replicas', '.status.actualReplicas', 'integer'),
      column('Desired Replicas', '.status.desiredReplicas', 'integer'),
    ],
    description: 'A Revision is one version of a program and its configuration, fixed once made.',
    spec: revisionSpec('The containers and how requests reach them. Never changes.'),
    status: status({
      actualReplicas: int32('How many pods are ready.'),
      containerStatuses: containerStatuses('The images that the containers run.'),
      desiredReplicas: int32('How many pods the autoscaler wants.'),
      initContainerStatuses: containerStatuses('The images that the init containers run.'),
      logUrl: string('Where the logs of this Revision are, by the template of config-observability.'),
    }),
  },
  {
    group: GROUP,
    version: 'v1',
    kind: 'Route',
    plural: 'routes',
    shortNames: ['rt'],
    categories: CATEGORIES,
    labels: ADDRESSABLE,
    columns: [column('URL', '.status.url'), ...READY],
    description: 'A Route gives one or more Revisions a URL and each a share of its requests.',
    spec: object('Where requests go.', { traffic: traffic('Who gets which share of the requests.') }),
    status: status(routeStatus),
  },
  {
    group: GROUP,
    version: 'v1beta1',
    kind: 'DomainMapping',
    plural: 'domainmappings',
    shortNames: ['dm'],
    categories: CATEGORIES,
    columns: [column('URL', '.status.url'), ...READY],
    description: 'A DomainMapping, named after a domain, sends the requests for that domain to an addressable object.',
    spec: object('What the domain stands for.', {
      'ref!': reference('The object that gets the requests.', ['kind', 'name']),
      tls: object('A certificate that you bring yourself.', {
        'secretName!': string('The Secret with the certificate, in the same namespace.'),
      }),
    }),
    status: status({
      address: addressable('Where the domain is reached from inside the cluster.'),
      url: string('The URL of the domain.'),
    }),
  },
];
