/** Kubernetes' own kinds that the controllers touch, typed as they stand on the wire (dates are strings). */
import type {
  V1ConfigMap,
  V1Container,
  V1CronJob,
  V1CustomResourceDefinition,
  V1Deployment,
  V1Endpoints,
  V1EndpointSlice,
  V1Job,
  V1Lease,
  V1Namespace,
  V1Node,
  V1Pod,
  V1PodSpec,
  V1PodTemplateSpec,
  V1ReplicaSet,
  V1Secret,
  V1Service,
  V1ServiceAccount,
} from '@kubernetes/client-node';
import type { KubeObject } from './object.ts';
import { resourceType } from './resource.ts';

/** A generated client type as JSON carries it. */
export type Wire<T> = T extends Date
  ? string
  : T extends readonly (infer E)[]
    ? Wire<E>[]
    : T extends object
      ? { [K in keyof T]: Wire<T[K]> }
      : T;

type Kind<T> = KubeObject & Wire<Omit<T, 'metadata' | 'apiVersion' | 'kind'>>;

export type Container = Wire<V1Container>;
export type PodSpec = Wire<V1PodSpec>;
export type PodTemplateSpec = Wire<V1PodTemplateSpec>;
export type Pod = Kind<V1Pod>;
export type Service = Kind<V1Service>;
export type Endpoints = Kind<V1Endpoints>;
export type EndpointSlice = Kind<V1EndpointSlice>;
export type Deployment = Kind<V1Deployment>;
export type ReplicaSet = Kind<V1ReplicaSet>;
export type Job = Kind<V1Job>;
export type CronJob = Kind<V1CronJob>;
export type ConfigMap = Kind<V1ConfigMap>;
export type Secret = Kind<V1Secret>;
export type Namespace = Kind<V1Namespace>;
export type Node = Kind<V1Node>;
export type ServiceAccount = Kind<V1ServiceAccount>;
export type Lease = Kind<V1Lease>;
export type CustomResourceDefinition = Kind<V1CustomResourceDefinition>;

export const Pod = resourceType<Pod>('v1', 'Pod', 'pods');
export const Service = resourceType<Service>('v1', 'Service', 'services');
export const Endpoints = resourceType<Endpoints>('v1', 'Endpoints', 'endpoints');
export const ConfigMap = resourceType<ConfigMap>('v1', 'ConfigMap', 'configmaps');
export const Secret = resourceType<Secret>('v1', 'Secret', 'secrets');
export const ServiceAccount = resourceType<ServiceAccount>('v1', 'ServiceAccount', 'serviceaccounts');
export const Namespace = resourceType<Namespace>('v1', 'Namespace', 'namespaces', false);
export const Node = resourceType<Node>('v1', 'Node', 'nodes', false);
export const Deployment = resourceType<Deployment>('apps/v1', 'Deployment', 'deployments');
export const ReplicaSet = resourceType<ReplicaSet>('apps/v1', 'ReplicaSet', 'replicasets');
export const Job = resourceType<Job>('batch/v1', 'Job', 'jobs');
export const CronJob = resourceType<CronJob>('batch/v1', 'CronJob', 'cronjobs');
export const EndpointSlice = resourceType<EndpointSlice>('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices');
export const Lease = resourceType<Lease>('coordination.k8s.io/v1', 'Lease', 'leases');
export const CustomResourceDefinition = resourceType<CustomResourceDefinition>(
  'apiextensions.k8s.io/v1',
  'CustomResourceDefinition',
  'customresourcedefinitions',
  false,
);
