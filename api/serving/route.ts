/** serving.knative.dev/v1 Route: which Revisions get which share of the traffic, under which names. */
import type { DuckStatus, KubeObject } from '../object.ts';
import { resourceType } from '../resource.ts';

export interface TrafficTarget {
  tag?: string;
  revisionName?: string;
  configurationName?: string;
  latestRevision?: boolean;
  /** 0 to 100; all targets of a Route add up to 100. */
  percent?: number;
  /** Only in status. */
  url?: string;
}

export interface RouteSpec {
  traffic?: TrafficTarget[];
}

export interface Addressable {
  name?: string;
  url?: string;
  CACerts?: string;
  audience?: string;
}

export interface RouteStatusFields {
  url?: string;
  address?: Addressable;
  traffic?: TrafficTarget[];
}

export interface RouteStatus extends DuckStatus, RouteStatusFields {}

export interface Route extends KubeObject {
  spec: RouteSpec;
  status?: RouteStatus;
}

export const Route = resourceType<Route>('serving.knative.dev/v1', 'Route', 'routes');

export const ROUTE_CONDITIONS = ['AllTrafficAssigned', 'IngressReady', 'CertificateProvisioned'] as const;
