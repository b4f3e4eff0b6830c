/** Tables (`meta.k8s.io/v1 Table`): what `kubectl get` prints, for Kubernetes' own kinds and custom resources. */
import type { KubeObject } from '../../api/object.ts';
import { ageOf } from './builtin/age.ts';
import { PLAIN, PRINTERS } from './builtin/columns.ts';
import type { Fields } from './builtin/fill.ts';
import { podCompletion } from './builtin/pod-row.ts';
import type { Cell, Printer } from './builtin/printer.ts';
import type { KindInfo, PrinterColumn } from './registry.ts';
import { compileJsonPath } from './schema/json-path.ts';

export interface TableColumn {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
}

export interface TableRow {
  readonly cells: readonly Cell[];
  readonly conditions?: readonly { type: string; status: string; reason: string; message: string }[];
  readonly object?: unknown;
}

export interface Table {
  readonly kind: 'Table';
  readonly apiVersion: 'meta.k8s.io/v1';
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly columnDefinitions: readonly TableColumn[];
  readonly rows: readonly TableRow[];
}

export interface TableOptions {
  /** What each row carries of its object; Kubernetes' default is Metadata. */
  readonly includeObject?: 'None' | 'Metadata' | 'Object';
  /** Columns to show instead of the kind's own: those of a custom resource. */
  readonly columns?: readonly PrinterColumn[];
  /** Metadata of the list: resourceVersion, continue, remainingItemCount. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Milliseconds since the epoch, what ages count from. */
  readonly now?: number;
}

export type TableKind = Pick<KindInfo, 'group' | 'plural' | 'columns'>;

const NAME_COLUMN: PrinterColumn = { name: 'Name', type: 'string', format: 'name', priority: 0 };

export function toTable(kind: TableKind, items: readonly KubeObject[], options: TableOptions = {}): Table {
  const printer = printerOf({ ...kind, columns: options.columns ?? kind.columns });
  const now = options.now ?? Date.now();
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: options.metadata ?? {},
    columnDefinitions: printer.columns.map(definition),
    rows: items.map((item) => {
      const cells = printer.row(item as unknown as Fields, now);
      const ended = kind.group === '' && kind.plural === 'pods' ? podCompletion(item as unknown as Fields) : undefined;
      return {
        cells,
        ...(ended === undefined ? {} : { conditions: [{ type: 'Completed', status: 'True', ...ended }] }),
        ...rowObject(item, options.includeObject ?? 'Metadata'),
      };
    }),
  };
}

const customPrinters = new WeakMap<readonly PrinterColumn[], Printer>();

function printerOf(kind: TableKind): Printer {
  const { columns } = kind;
  if (columns === undefined) return PRINTERS[`${kind.group}/${kind.plural}`] ?? PLAIN;
  let printer = customPrinters.get(columns);
  if (printer === undefined) customPrinters.set(columns, (printer = customPrinter(columns)));
  return printer;
}

function customPrinter(columns: readonly PrinterColumn[]): Printer {
  const read = columns.map((column) => {
    const path = compileColumn(column);
    return (object: Fields, now: number): Cell => customCell(path(object), column.type, now);
  });
  return {
    columns: [NAME_COLUMN, ...columns],
    row: (object, now) => [nameOf(object), ...read.map((cell) => cell(object, now))],
  };
}

function compileColumn(column: PrinterColumn): (object: unknown) => unknown {
  try {
    const path = compileJsonPath(column.jsonPath ?? '');
    return (object) => path(object)[0];
  } catch {
    // A path that cannot be read shows nothing; the definition's validation is where it is refused.
    return () => undefined;
  }
}

function customCell(value: unknown, type: string, now: number): Cell {
  if (value === undefined) return null;
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null;
    case 'number':
      return typeof value === 'number' ? value : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? ageOf(value, now) : '<unknown>';
    default:
      if (typeof value === 'string') return value;
      return value === null ? '' : JSON.stringify(value);
  }
}

function nameOf(object: Fields): string {
  const { metadata } = object;
  const name = typeof metadata === 'object' && metadata !== null ? (metadata as Fields).name : undefined;
  return typeof name === 'string' ? name : '';
}

function definition(column: PrinterColumn): TableColumn {
  const { name, type, format = '', description = '', priority = 0 } = column;
  return { name, type, format, description, priority };
}

function rowObject(item: KubeObject, include: 'None' | 'Metadata' | 'Object'): { object?: unknown } {
  switch (include) {
    case 'None':
      return {};
    case 'Object':
      return { object: item };
    case 'Metadata':
      return {
        object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: item.metadata },
      };
  }
}
