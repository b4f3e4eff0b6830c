/** serving.knative.dev/v1 Service: a Configuration and a Route under one name. */
import type { DuckStatus, KubeObject } from '../object.ts';
import { resourceType } from '../resource.ts';
import type { ConfigurationSpec, ConfigurationStatusFields } from './configuration.ts';
import type { RouteSpec, RouteStatusFields } from './route.ts';

export interface ServiceSpec extends ConfigurationSpec, RouteSpec {}

export interface ServiceStatus extends DuckStatus, ConfigurationStatusFields, RouteStatusFields {}

export interface Service extends KubeObject {
  spec: ServiceSpec;
  status?: ServiceStatus;
}

export const Service = resourceType<Service>('serving.knative.dev/v1', 'Service', 'services');

export const SERVICE_CONDITIONS = ['ConfigurationsReady', 'RoutesReady'] as const;
