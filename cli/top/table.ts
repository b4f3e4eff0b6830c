/** Rows as a table for a terminal of some size, or for a pipe. */
import { columns } from '../columns.ts';
import type { Row } from './rows.ts';

export interface Layout {
  /** Shows each row's namespace. */
  readonly namespaces: boolean;
  /** Lines there are for the table, its head included; undefined: as many as it takes. */
  readonly lines?: number;
  /** Characters of a line; undefined: as many as it takes. */
  readonly width?: number;
}

export function tableOf(rows: readonly Row[], { namespaces, lines, width }: Layout): string {
  const head = [
    ...(namespaces ? ['NAMESPACE'] : []),
    'REVISION',
    'REQ/S',
    'P50',
    'P99',
    '5XX/S',
    'IN FLIGHT',
    'QUEUED',
    'PODS',
    'CPU',
    'MEMORY',
  ];
  const room = lines === undefined ? rows.length : Math.max(0, lines - 1);
  // The last line says how many are left out.
  const shown = rows.length <= room ? rows : rows.slice(0, Math.max(0, room - 1));
  const text = columns(
    head,
    shown.map((row) => [...(namespaces ? [row.namespace] : []), ...cells(row)]),
  );
  const left = rows.length - shown.length;
  const all = left === 0 || room === 0 ? text : `${text}… and ${left} more with less load\n`;
  return width === undefined ? all : all.replace(/^.*$/gm, (line) => line.slice(0, width));
}

function cells(row: Row): string[] {
  return [
    row.revision,
    rateText(row.rps),
    secondsText(row.p50),
    secondsText(row.p99),
    row.errorRate === 0 ? '0' : rateText(row.errorRate),
    String(row.inFlight),
    String(row.queued),
    `${row.ready}/${row.desired}`,
    cpuText(row.cpu),
    memoryText(row.memory),
  ];
}

export function rateText(perSecond: number): string {
  if (perSecond === 0) return '0';
  if (perSecond < 0.05) return '<0.1';
  return perSecond < 10 ? perSecond.toFixed(1) : String(Math.round(perSecond));
}

export function secondsText(seconds: number | undefined): string {
  if (seconds === undefined) return '-';
  if (seconds >= 1) return `${seconds.toFixed(1)}s`;
  const milliseconds = seconds * 1000;
  return milliseconds < 10 ? `${milliseconds.toFixed(1)}ms` : `${Math.round(milliseconds)}ms`;
}

/** Thousandths of a core, as kubectl has it. */
export function cpuText(cores: number | undefined): string {
  return cores === undefined ? '-' : `${Math.round(cores * 1000)}m`;
}

export function memoryText(bytes: number | undefined): string {
  return bytes === undefined ? '-' : `${Math.round(bytes / 2 ** 20)}Mi`;
}
