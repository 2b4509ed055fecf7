import { describe, expect, it } from 'vitest';
import { transactionStatement } from './transaction-statement.js';

describe('transactionStatement', () => {
  it.each([
    ['SAVEPOINT a', { kind: 'savepoint', name: 'a' }],
    ['savepoint "My ""point"""', { kind: 'savepoint', name: 'my ""point""' }],
    ['  -- why\n /* and\n how */ Savepoint `b`;', { kind: 'savepoint', name: 'b' }],
    ['ROLLBACK TO a', { kind: 'rollback to', name: 'a' }],
    ['rollback work to savepoint A', { kind: 'rollback to', name: 'a' }],
    ['ROLLBACK TRANSACTION TO SAVEPOINT typeorm_1', { kind: 'rollback to', name: 'typeorm_1' }],
    ['release a', { kind: 'release', name: 'a' }],
    ['RELEASE SAVEPOINT [a]', { kind: 'release', name: 'a' }],
    ['ROLLBACK', { kind: 'rollback' }],
    ['abort;', { kind: 'rollback' }],
    ['COMMIT', { kind: 'commit' }],
    ['end transaction', { kind: 'commit' }],
  ])('recognizes %s', (sql, statement) => {
    expect(transactionStatement(sql)).toEqual(statement);
  });

  it.each([
    'select 1',
    "insert into note values ('rollback to a')",
    'update rollbacks set a = 1',
    '-- commit\nselect 1',
    'select case when true then 1 end',
    'endpoints',
  ])('lets %s pass', (sql) => {
    expect(transactionStatement(sql)).toBeUndefined();
  });
});
