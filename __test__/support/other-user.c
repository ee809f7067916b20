// Another user of a PKCS#11 module in the same process, as an addon like pkcs11js is one: loads the module its own way,
// without RTLD_DEEPBIND, and calls it by itself.
//
// `call(library, function, ...arguments)`: a number goes as it is, a buffer as its address, anything else as NULL. What
// the function returned, or -1 if there is no such library or function.
//
// Node-API's few functions are declared here, so that no header is needed.

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>

typedef void *value;
typedef void *environment;

int napi_create_function(environment, const char *, size_t, value (*)(environment, void *), void *, value *);
int napi_set_named_property(environment, value, const char *, value);
int napi_get_cb_info(environment, void *, size_t *, value *, value *, void **);
int napi_get_value_string_utf8(environment, value, char *, size_t, size_t *);
int napi_get_value_int64(environment, value, int64_t *);
int napi_get_buffer_info(environment, value, void **, size_t *);
int napi_is_buffer(environment, value, _Bool *);
int napi_create_int64(environment, int64_t, value *);

enum { MOST = 7 };

static uintptr_t argument(environment env, value given) {
  _Bool is_buffer = 0;
  void *address = NULL;
  size_t length = 0;
  int64_t number = 0;
  if (napi_is_buffer(env, given, &is_buffer) == 0 && is_buffer) {
    napi_get_buffer_info(env, given, &address, &length);
    return (uintptr_t)address;
  }
  return napi_get_value_int64(env, given, &number) == 0 ? (uintptr_t)number : 0;
}

static value call(environment env, void *info) {
  value given[MOST], returned = NULL;
  size_t count = MOST;
  char library[4096], name[64];
  uintptr_t a[MOST] = {0};
  int64_t rv = -1;
  napi_get_cb_info(env, info, &count, given, NULL, NULL);
  napi_get_value_string_utf8(env, given[0], library, sizeof library, NULL);
  napi_get_value_string_utf8(env, given[1], name, sizeof name, NULL);
  for (size_t n = 2; n < count && n < MOST; n++) a[n - 2] = argument(env, given[n]);
  void *handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL);
  unsigned long (*function)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t) =
      handle == NULL ? NULL : (unsigned long (*)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t))dlsym(handle, name);
  // Those that take fewer do not look at the rest.
  if (function != NULL) rv = (int64_t)function(a[0], a[1], a[2], a[3], a[4]);
  napi_create_int64(env, rv, &returned);
  return returned;
}

value napi_register_module_v1(environment env, value exports) {
  value function = NULL;
  napi_create_function(env, "call", 4, call, NULL, &function);
  napi_set_named_property(env, exports, "call", function);
  return exports;
}
