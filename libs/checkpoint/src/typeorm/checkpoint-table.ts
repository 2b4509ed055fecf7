import { checkTablePrefix, type Dialect } from 'nestjs-turnpike/dialect';

/** The table's name and columns, quoted: `partition` is a reserved word on MySQL. */
export function checkpointTable(dialect: Dialect, prefix: string) {
  checkTablePrefix(prefix);
  return {
    name: dialect.quote(`${prefix}checkpoint`),
    stream: dialect.quote('stream'),
    partition: dialect.quote('partition'),
    position: dialect.quote('position'),
    epoch: dialect.quote('epoch'),
    updatedAt: dialect.quote('updated_at'),
  };
}
