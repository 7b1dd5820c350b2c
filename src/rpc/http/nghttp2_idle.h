/* What nghttp2 has no option for: a session that has nothing to send keeps no buffer to send from.
 */
#pragma once

#include <nghttp2/nghttp2.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Frees the 16 KiB in which the session writes its frames, 4 of them touched, unless a frame is on
 * its way. Until prism_nghttp2_take_buffer nothing may be sent. */
void prism_nghttp2_leave_buffer(nghttp2_session* session);

/* Makes the buffer again; before each nghttp2_session_mem_send. 0, or NGHTTP2_ERR_NOMEM. */
int prism_nghttp2_take_buffer(nghttp2_session* session);

#ifdef __cplusplus
}
#endif
