// Denies the step to QC_REVIEW of a ticket without findings; adds a tag to new tickets.
import { get } from "repairops:plugin/settings@0.1.0";
const settings = () => JSON.parse(get());
import { write } from "repairops:plugin/log@0.1.0";

export const preTransition = {
  check(event) {
    write("info", `${event.from} -> ${event.to}`);
    if (event.to !== "QC_REVIEW" || event.ticket.diagnostics.findings) return { tag: "allow" };
    const message = settings().message ?? "Write down what you found.";
    return { tag: "deny", val: [{ code: "FINDINGS_MISSING", message, field: "diagnostics.findings" }] };
  },
};

export const postCreate = {
  enrich(event) {
    return {
      tags: [event.customer.email === "" ? "no-email" : "js"], severity: undefined, category: undefined, estimatedCost: undefined,
      recommendedParts: undefined, customFields: [], internalNote: undefined,
    };
  },
};
