/** A small server that answers as it is told, and remembers what it was asked. */

import { createServer } from 'node:http'
import { RepairOpsClient } from '@repairops/sdk'

/**
 * Each request takes the next of `answers`, the last one again and again: `{ status, body, headers }`, a function of
 * the request that gives one, `'hang up'`, or `'stay silent'`.
 */
export async function serve(t, ...answers) {
  const asked = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const seen = { method: request.method, url: request.url, headers: request.headers, body }
    asked.push(seen)
    const next = answers.length > 1 ? answers.shift() : answers[0]
    const answer = typeof next === 'function' ? next(seen) : next
    if (answer === 'hang up') return request.socket.destroy()
    if (answer === 'stay silent') return
    const { status = 200, body: content = {}, headers = {} } = answer
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof content === 'string' ? content : JSON.stringify(content))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const baseUrl = `http://127.0.0.1:${server.address().port}/v1`
  const client = (options = {}) => new RepairOpsClient({ apiKey: 'ro_live_test', baseUrl, retryDelayMs: 1, ...options })
  return { asked, baseUrl, client }
}

/** An error as the API answers it. */
export function error(status, code, details = {}, headers = {}) {
  const body = { error: { code, message: `It is ${code}.`, details, request_id: 'req_0123456789abcdef' } }
  return { status, body, headers }
}
