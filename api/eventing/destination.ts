/** duck.knative.dev/v1 Destination, KReference and DeliverySpec. */
export interface KReference {
  kind: string;
  name: string;
  namespace?: string;
  apiVersion?: string;
  group?: string;
  address?: string;
}

export interface Destination {
  ref?: KReference;
  uri?: string;
  CACerts?: string;
  audience?: string;
}

export interface DeliverySpec {
  deadLetterSink?: Destination;
  /** Attempts after the first. */
  retry?: number;
  /** ISO 8601 period, per attempt. */
  timeout?: string;
  backoffPolicy?: 'linear' | 'exponential';
  /** ISO 8601 period. */
  backoffDelay?: string;
  /** ISO 8601 period; behind the feature delivery-retryafter. */
  retryAfterMax?: string;
  format?: 'json' | 'binary';
}
