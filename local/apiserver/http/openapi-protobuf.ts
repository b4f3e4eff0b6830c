/**
 * The OpenAPI v2 document in its protobuf form, reduced to what kubectl decides by: which kinds can be patched with
 * `fieldValidation`. A kind that is not in it is then refused for what it is, not for a missing document. The schemas
 * are in v3, which kubectl reads as JSON. Source: the message numbers of gnostic's OpenAPIv2.proto.
 */
import { groupVersion, type KindInfo } from '../registry.ts';

export const OPENAPI_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

export function openapiV2Protobuf(kinds: readonly KindInfo[]): Buffer {
  const paths = kinds
    .filter((info) => info.stored)
    .map((info) => field(2, field(1, pathOf(info)), field(2, field(8, ...patchOf(info)))));
  return Buffer.concat([
    field(1, '2.0'),
    field(2, field(1, 'Kubernetes'), field(2, 'v1.34.0')),
    field(8, ...paths),
    field(9),
  ]);
}

function pathOf(info: KindInfo): string {
  const root = info.group === '' ? '/api' : '/apis';
  const scope = info.namespaced ? '/namespaces/{namespace}' : '';
  return `${root}/${groupVersion(info)}${scope}/${info.plural}/{name}`;
}

function patchOf({ group, version, kind }: KindInfo): Buffer[] {
  // ParametersItem.parameter, Parameter.non_body_parameter, NonBodyParameter.query_parameter_sub_schema
  const parameter = field(
    8,
    field(1, field(2, field(3, field(2, 'query'), field(4, 'fieldValidation'), field(6, 'string')))),
  );
  const yaml = `group: "${group}"\nkind: ${kind}\nversion: ${version}\n`;
  const extension = field(13, field(1, 'x-kubernetes-group-version-kind'), field(2, field(2, yaml)));
  return [parameter, extension];
}

/** A length-delimited member: a text, or a message of its own members. */
function field(number: number, ...content: readonly (string | Buffer)[]): Buffer {
  const payload = Buffer.concat(content.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  return Buffer.concat([varint(number * 8 + 2), varint(payload.length), payload]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  return Buffer.from([...bytes, value]);
}
