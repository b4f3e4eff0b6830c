/** What filters see of an event. Source: CloudEvents 1.0, "Context Attributes". */

export type AttributeValue = string | number | boolean;

/** Context attributes and extensions by name, without the data. `time` is RFC 3339 text. */
export type EventAttributes = Readonly<Record<string, AttributeValue>>;
