/** Metrics of the webhooks, under Knative's name. */
import { Histogram, type Registry } from 'prom-client';
import type { WebhookRole } from './component.ts';
import type { ReviewRequest } from './review.ts';

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/**
 * @param isKnown whether a kind may be a label: what clients make up may not
 * @returns takes the seconds an answer took
 */
export function createWebhookMetrics(
  registry: Registry,
  isKnown: (role: WebhookRole, request: ReviewRequest) => boolean,
): (role: WebhookRole, request: ReviewRequest, allowed: boolean, seconds: number) => void {
  const duration = new Histogram({
    name: 'kn_webhook_handler_duration_seconds',
    help: 'Time from an admission request to its answer.',
    labelNames: [
      'kn_webhook_type',
      'kn_webhook_resource_group',
      'kn_webhook_resource_kind',
      'kn_webhook_operation_type',
      'kn_webhook_operation_status',
    ],
    buckets: BUCKETS,
    registers: [registry],
  });
  return (role, request, allowed, seconds) => {
    const { kind, operation } = request;
    const known = isKnown(role, request);
    duration.observe(
      {
        kn_webhook_type: role,
        kn_webhook_resource_group: known ? kind.group : 'other',
        kn_webhook_resource_kind: known ? kind.kind : 'other',
        kn_webhook_operation_type: OPERATIONS.has(operation) ? operation : 'other',
        kn_webhook_operation_status: allowed ? 'success' : 'failure',
      },
      seconds,
    );
  };
}

const OPERATIONS: ReadonlySet<string> = new Set(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']);
