import { RateLimitError, RepairOpsClient } from '@repairops/sdk'

const client = new RepairOpsClient()
const remaining = []
let refused
while (!refused) {
  try {
    await client.tickets.list()
    remaining.push(client.rateLimit.remaining)
  } catch (error) {
    if (!(error instanceof RateLimitError)) throw error
    refused = error
  }
}
console.log(JSON.stringify({
  remaining,
  limit: client.rateLimit,
  retryAfter: refused.retryAfter,
  resetAt: refused.resetAt,
  code: refused.code,
}))
