export const BROKER_URL = process.env['BROKER_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672';
export const EXCHANGE = 'turnpike-example-shop';
