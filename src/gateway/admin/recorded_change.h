// A change of the configuration with its entry in the audit, in one transaction.
#pragma once

#include <string>
#include <string_view>

#include "contract/call_context.h"
#include "gateway/admin/config_control.h"

namespace prism::gateway {

// What a change of many objects is about, as JSON for an entry: the first 100 names, and how many
// there are.
std::string SummaryOf(const namespaces::Change& change);

// ConfigControl::Apply, on its thread. What comes to be stored is an entry of the call: `action` is
// the method's path, `object` what it is about; before and after are the configurations, of many
// objects their names. `also` of the options is done with the entry.
Result<ConfigControl::Outcome> ApplyRecorded(ConfigControl& control,
                                             const contract::CallContext& ctx,
                                             std::string_view action, std::string object,
                                             const ConfigControl::Plan& plan,
                                             ConfigControl::Options options);

}  // namespace prism::gateway
