/** Columns of Kubernetes' own kinds, as `kubectl get` shows them. */
import { fieldAt, textAt } from './check.ts';
import { CLUSTER_PRINTERS } from './columns-cluster.ts';
import { NETWORK_PRINTERS } from './columns-network.ts';
import { WORKLOAD_PRINTERS } from './columns-workload.ts';
import { printer, type Printer } from './printer.ts';

/** What a kind without a printer of its own shows. */
export const PLAIN: Printer = printer('Created At@', (object) => [
  textAt(fieldAt(object, 'metadata'), 'creationTimestamp') || null,
]);

/** By `GROUP/PLURAL`. */
export const PRINTERS: Readonly<Record<string, Printer>> = {
  ...WORKLOAD_PRINTERS,
  ...NETWORK_PRINTERS,
  ...CLUSTER_PRINTERS,
};
