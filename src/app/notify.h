// Tells the service manager how far we are (sd_notify(3)), without linking libsystemd.
#pragma once

#include <string_view>

namespace prism::app {

// Sends "READY=1", "STOPPING=1", ... to the socket that NOTIFY_SOCKET names. Nothing happens
// without one, and a failure only means that the manager goes without the news.
void NotifyServiceManager(std::string_view state);

}  // namespace prism::app
