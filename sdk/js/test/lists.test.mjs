/** A list is its first page when awaited, and everything when iterated over. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { List, NotFoundError } from '@repairops/sdk'
import { error, serve } from './support/server.mjs'

/** Answers pages of numbers from 0 to `total`, by offset, or by a cursor too. */
function numbers(total, { cursors = false } = {}) {
  return ({ url }) => {
    const query = new URL(url, 'http://test').searchParams
    const limit = Number(query.get('limit') ?? 50)
    const cursor = query.get('cursor')
    if (cursor !== null && query.has('offset')) return error(400, 'INVALID_REQUEST')
    const start = cursor === null ? Number(query.get('offset') ?? 0) : Number(cursor.slice(1))
    const end = Math.min(start + limit, total)
    const data = Array.from({ length: Math.max(0, end - start) }, (_, index) => start + index)
    const more = end < total
    const pagination = { offset: start, limit, total, next_offset: more ? end : null, has_more: more }
    if (cursors) pagination.next_cursor = more ? `c${end}` : null
    return { body: { data, pagination } }
  }
}

async function collect(iterable) {
  const all = []
  for await (const one of iterable) all.push(one)
  return all
}

test('awaited, it is the page as the API answers it', async (t) => {
  const server = await serve(t, numbers(120))
  const page = await server.client().tickets.list({ limit: 10, offset: 20 })
  assert.deepEqual(page, {
    data: [20, 21, 22, 23, 24, 25, 26, 27, 28, 29],
    pagination: { offset: 20, limit: 10, total: 120, next_offset: 30, has_more: true },
  })
  assert.equal(server.asked.length, 1)
})

test('iterated over, it is all items, page after page', async (t) => {
  const server = await serve(t, numbers(120))
  const all = await collect(server.client().tickets.list({ status: 'IN_REPAIR' }))
  assert.deepEqual(all, Array.from({ length: 120 }, (_, index) => index))
  assert.deepEqual(server.asked.map((asked) => asked.url), [
    '/v1/tickets?status=IN_REPAIR',
    '/v1/tickets?status=IN_REPAIR&offset=50',
    '/v1/tickets?status=IN_REPAIR&offset=100',
  ])
})

test('a cursor is used if there is one, without an offset', async (t) => {
  const server = await serve(t, numbers(12, { cursors: true }))
  const all = await collect(server.client().tickets.list({ limit: 5, offset: 1 }))
  assert.deepEqual(all, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
  assert.deepEqual(server.asked.map((asked) => asked.url), [
    '/v1/tickets?limit=5&offset=1',
    '/v1/tickets?limit=5&cursor=c6',
    '/v1/tickets?limit=5&cursor=c11',
  ])
})

test('pages can be had one by one', async (t) => {
  const server = await serve(t, numbers(7))
  const pages = await collect(server.client().tickets.list({ limit: 3 }).pages())
  assert.deepEqual(pages.map((page) => page.data), [[0, 1, 2], [3, 4, 5], [6]])
})

test('no more is asked than is looked at', async (t) => {
  const server = await serve(t, numbers(500))
  const list = server.client().tickets.list({ limit: 10 })
  assert.equal(server.asked.length, 0)
  for await (const number of list) if (number === 14) break
  assert.equal(server.asked.length, 2)
  await list
  await list
  assert.equal(server.asked.length, 2, 'the first page is known')
})

test('it is a promise', async (t) => {
  const server = await serve(t, numbers(3))
  const list = () => server.client().tickets.list()
  assert.ok(list() instanceof List)
  const [one, two] = await Promise.all([list(), list().then((page) => page.data.length)])
  assert.deepEqual([one.data, two], [[0, 1, 2], 3])
  const failing = await serve(t, error(404, 'NOT_FOUND'))
  const failed = await failing.client().tickets.list().catch((error) => error)
  assert.ok(failed instanceof NotFoundError)
  await assert.rejects(collect(failing.client().tickets.list()), NotFoundError)
  let ended = false
  await list().finally(() => (ended = true))
  assert.ok(ended)
})

test('a server that leads back to where it came from is not followed for ever', async (t) => {
  const pagination = { offset: 50, limit: 50, total: 100, next_offset: 50, has_more: true }
  const server = await serve(t, { body: { data: [1], pagination } })
  assert.deepEqual(await collect(server.client().tickets.list({ offset: 50 })), [1])
})
