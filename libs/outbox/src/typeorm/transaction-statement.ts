/** What a statement does to the transaction that it runs in. */
export type TransactionStatement =
  | { readonly kind: 'savepoint' | 'rollback to' | 'release'; readonly name: string }
  | { readonly kind: 'commit' | 'rollback' };

const LEADING_COMMENTS = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/;
const NAME = `("(?:[^"]|"")+"|\`[^\`]+\`|\\[[^\\]]+\\]|[^\\s;]+)`;
const SAVEPOINT = new RegExp(`^savepoint\\s+${NAME}`, 'i');
const ROLLBACK_TO = new RegExp(`^rollback(?:\\s+(?:work|transaction))?\\s+to(?:\\s+savepoint)?\\s+${NAME}`, 'i');
const RELEASE = new RegExp(`^release(?:\\s+savepoint)?\\s+${NAME}`, 'i');

/**
 * Recognizes a statement that ends a transaction, or sets, releases or rolls back to a savepoint; undefined for any other. It
 * looks at how the text begins: several statements in one text are the first.
 */
export function transactionStatement(sql: string): TransactionStatement | undefined {
  if (!/savepoint|rollback|release|commit|abort|end/i.test(sql.length > 200 ? sql.slice(0, 200) : sql))
    return undefined;
  const text = sql.replace(LEADING_COMMENTS, '');
  const named = (kind: 'savepoint' | 'rollback to' | 'release', pattern: RegExp): TransactionStatement | undefined => {
    const name = pattern.exec(text)?.[1];
    return name === undefined ? undefined : { kind, name: normalized(name) };
  };
  return (
    named('savepoint', SAVEPOINT) ??
    named('rollback to', ROLLBACK_TO) ??
    named('release', RELEASE) ??
    (/^(?:rollback|abort)\b/i.test(text) ? { kind: 'rollback' } : undefined) ??
    (/^(?:commit|end)\b/i.test(text) ? { kind: 'commit' } : undefined)
  );
}

/** Without quotes; and in lower case, as savepoints are compared without regard to it, or folded to it. */
function normalized(name: string): string {
  const quoted = /^(?:"(.+)"|`(.+)`|\[(.+)\])$/.exec(name);
  return (quoted?.[1] ?? quoted?.[2] ?? quoted?.[3] ?? name).toLowerCase();
}
