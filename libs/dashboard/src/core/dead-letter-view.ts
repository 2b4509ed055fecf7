/** A payload as the page shows it: always text, never markup. */
export interface PayloadText {
  readonly kind: 'json' | 'text' | 'bytes';
  readonly text: string;
  /** How many bytes are stored; null for what is not stored by itself. `text` shows the beginning of a long one. */
  readonly bytes: number | null;
  readonly cut: boolean;
}

/** A dead letter in the list. */
export interface DeadLetterRow {
  readonly id: string;
  readonly topic: string;
  readonly key: string | null;
  readonly destination: string;
  readonly namespace: string;
  readonly attempts: number;
  readonly deadAtMs: number;
  readonly lastError: string | null;
  /** Its key waits for it. */
  readonly holds: boolean;
  readonly requested: string | null;
}

/** All there is to see of one. */
export interface DeadLetterDetails extends DeadLetterRow {
  readonly messageId: string;
  readonly createdAtMs: number;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly history: readonly { readonly attempt: number; readonly atMs: number; readonly error: string }[];
  readonly payload: PayloadText;
}

/** An item of a queue that was given up. */
export interface DeadItemRow {
  readonly id: string;
  readonly error: string;
  readonly diedAtMs: number;
  readonly payload: PayloadText;
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** Where the next page begins; null when there is none. */
  readonly next: string | null;
}
